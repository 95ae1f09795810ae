rule evaluate:
    input:
        dataset=DATASET,
        checks=f"{RESULTS}/dataset_checks.json",
        reconstructions=expand(
            f"{RESULTS}/reconstructions/{{variant}}.h5", variant=VARIANTS
        ),
        compressed=expand(f"{RESULTS}/compressed/{{variant}}.h5", variant=VARIANTS),
    output:
        fsc=f"{RESULTS}/tables/fsc.csv",
        summary=f"{RESULTS}/tables/summary.csv",
        page=report(
            f"{RESULTS}/tables/summary.html",
            category="Tables",
            caption="../report/summary.rst",
            labels={"table": "quality against numbers per pattern"},
        ),
    log:
        f"{RESULTS}/logs/evaluate.log",
    benchmark:
        f"{RESULTS}/benchmarks/evaluate.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        settings=settings("evaluation"),
        variants=VARIANTS,
        code=code_digest("evaluation"),
    script:
        "../scripts/evaluate.py"
