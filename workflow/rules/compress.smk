rule compress:
    input:
        dataset=DATASET,
        checks=f"{RESULTS}/dataset_checks.json",
        masks=masks_file,
    output:
        compressed=f"{RESULTS}/compressed/{{sweep}}/{{size}}.h5",
    log:
        f"{RESULTS}/logs/compress/{{sweep}}/{{size}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/compress/{{sweep}}/{{size}}.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    params:
        settings=sweep_settings,
        code=code_digest("compression"),
    script:
        "../scripts/compress.py"
