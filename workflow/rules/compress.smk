# a basis counts only where it is used
COMPRESSION = {basis: code("compress", [basis]) for basis in parameters.bases(STUDY)}


rule compress:
    """Store every pattern as its coefficients in one basis."""
    input:
        dataset=lambda wildcards: PATHS.patterns_of(
            wildcards.sweep, wildcards.get("seed", "")
        ),
        checks=f"{PATHS.data}/dataset_checks.json",
        masks=lambda wildcards: PATHS.masks([wildcards.sweep]),
    output:
        compressed=f"{PATHS.data}/compressed/{{sweep}}/{{size}}.h5",
    log:
        f"{PATHS.data}/logs/compress/{{sweep}}/{{size}}.log",
    benchmark:
        f"{PATHS.data}/benchmarks/compress/{{sweep}}/{{size}}.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: memory(variant_job("compress", wildcards))
        * attempt,
        runtime=lambda wildcards, attempt: minutes(variant_job("compress", wildcards))
        * attempt,
    params:
        settings=lambda wildcards: parameters.stored(STUDY, wildcards.sweep),
        scheduler=lambda wildcards, threads: STUDY.compression.dask_scheduler,
        given=given_patterns,
        code=lambda wildcards: COMPRESSION[STUDY.sweeps[wildcards.sweep].basis],
    message:
        "Compress the patterns to {wildcards.sweep}/{wildcards.size}"
    script:
        "../scripts/compress.py"
