rule reconstruct:
    input:
        compressed=f"{RESULTS}/compressed/{{sweep}}/{{size}}.h5",
    output:
        reconstruction=f"{RESULTS}/reconstructions/{{sweep}}/{{size}}.h5",
    log:
        f"{RESULTS}/logs/reconstruct/{{sweep}}/{{size}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/reconstruct/{{sweep}}/{{size}}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=lambda wildcards, input, attempt: reconstruction_memory(input, attempt),
        runtime=lambda wildcards, attempt: 120 * attempt,
    params:
        settings=reconstruction_settings,
        checkpoint=f"{RESULTS}/checkpoints/{{sweep}}/{{size}}.pt",
        code=code_digest("reconstruction"),
    script:
        "../scripts/reconstruct.py"
