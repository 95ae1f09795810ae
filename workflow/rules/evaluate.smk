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


if DEEP:

    rule depth:
        input:
            dataset=DATASET,
            checks=f"{RESULTS}/dataset_checks.json",
            reconstructions=expand(
                f"{RESULTS}/reconstructions/{{variant}}.h5", variant=VARIANTS
            ),
        output:
            depth=f"{RESULTS}/tables/depth.csv",
        log:
            f"{RESULTS}/logs/depth.log",
        benchmark:
            f"{RESULTS}/benchmarks/depth.tsv"
        conda:
            "../../envs/study.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: 3000 * attempt,
            runtime=lambda wildcards, attempt: 30 * attempt,
        params:
            settings=settings("evaluation"),
            code=code_digest("depth"),
        script:
            "../scripts/depth.py"


rule figure_data:
    input:
        dataset=DATASET,
        checks=f"{RESULTS}/dataset_checks.json",
        compressed=expand(
            f"{RESULTS}/compressed/{{variant}}.h5", variant=STUDY.figures.compare
        ),
        reconstruction=f"{RESULTS}/reconstructions/{STUDY.figures.compare[-1]}.h5",
    output:
        figure_data=f"{RESULTS}/figure_data.h5",
    log:
        f"{RESULTS}/logs/figure_data.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_data.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        compare=STUDY.figures.compare,
        code=code_digest("figure_data"),
    script:
        "../scripts/figure_data.py"
