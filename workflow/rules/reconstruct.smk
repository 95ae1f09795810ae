rule reconstruct:
    input:
        compressed=lambda wildcards: compressed(
            f"{wildcards.sweep}/{wildcards.size}"
        ).replace("{seed}", wildcards.seed),
    output:
        reconstruction=f"{SEED}/reconstructions/{{sweep}}/{{size}}.h5",
    log:
        f"{SEED}/logs/reconstruct/{{sweep}}/{{size}}.log",
    benchmark:
        f"{SEED}/benchmarks/reconstruct/{{sweep}}/{{size}}.tsv"
    conda:
        "../../envs/study.yaml"
    threads: 1
    resources:
        gpu=1,
        processes=1,
        mem_mb=lambda wildcards, input, attempt: memory(
            reconstruction_job(wildcards, input)
        )
        * attempt,
        runtime=lambda wildcards, input, attempt: minutes(
            reconstruction_job(wildcards, input)
        )
        * attempt,
    params:
        settings=reconstruction_settings,
        checkpoint=f"{SEED}/checkpoints/{{sweep}}/{{size}}.pt",
        code=code_digest("reconstruction.run"),
    script:
        "../scripts/reconstruct.py"
