rule compress:
    input:
        dataset=patterns_file,
        checks=f"{DATA}/dataset_checks.json",
        masks=masks_file,
    output:
        compressed=f"{DATA}/compressed/{{sweep}}/{{size}}.h5",
    log:
        f"{DATA}/logs/compress/{{sweep}}/{{size}}.log",
    benchmark:
        f"{DATA}/benchmarks/compress/{{sweep}}/{{size}}.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: memory(variant_job("compress", wildcards))
        * attempt,
        runtime=lambda wildcards, attempt: minutes(variant_job("compress", wildcards))
        * attempt,
    params:
        settings=sweep_settings,
        code=code_digest("bases.compress"),
    script:
        "../scripts/compress.py"
