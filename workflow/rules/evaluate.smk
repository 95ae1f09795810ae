rule evaluate:
    input:
        dataset=DATASET,
        checks=f"{DATA}/dataset_checks.json",
        reconstructions=reconstructions(),
        compressed=[compressed(variant) for variant in VARIANTS],
        counts=expand(COUNTS, dose=DOSES, allow_missing=True),
    output:
        fsc=f"{SEED}/tables/fsc.csv",
        summary=f"{SEED}/tables/summary.csv",
    log:
        f"{SEED}/logs/evaluate.log",
    benchmark:
        f"{SEED}/benchmarks/evaluate.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: memory(Job("evaluate")) * attempt,
        runtime=lambda wildcards, attempt: minutes(Job("evaluate")) * attempt,
    params:
        settings=settings("evaluation"),
        variants=VARIANTS,
        code=[
            code_digest("evaluation.compare"),
            code_digest("report.tables"),
            code_digest("simulation.noise"),
        ],
    script:
        "../scripts/evaluate.py"


rule gather:
    input:
        fsc=expand(f"{SEED}/tables/fsc.csv", seed=STUDY.seeds),
        summary=expand(f"{SEED}/tables/summary.csv", seed=STUDY.seeds),
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
        f"{RESULTS}/logs/gather.log",
    benchmark:
        f"{RESULTS}/benchmarks/gather.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        code=code_digest("report.tables"),
    script:
        "../scripts/gather.py"


if DEEP:

    rule depth:
        input:
            datasets=expand(DATASET, seed=STUDY.seeds),
            checks=expand(f"{DATA}/dataset_checks.json", seed=STUDY.seeds),
            reconstructions=expand(reconstructions(), seed=STUDY.seeds),
        output:
            depth=f"{RESULTS}/tables/depth.csv",
        log:
            f"{RESULTS}/logs/depth.log",
        benchmark:
            f"{RESULTS}/benchmarks/depth.tsv"
        conda:
            "../../envs/study.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: memory(Job("depth")) * attempt,
            runtime=lambda wildcards, attempt: minutes(Job("depth")) * attempt,
        params:
            settings=settings("evaluation"),
            code=code_digest("evaluation.depth"),
        script:
            "../scripts/depth.py"


rule figure_data:
    input:
        dataset=first_seed(DATASET),
        checks=first_seed(f"{DATA}/dataset_checks.json"),
        compressed=[first_seed(compressed(v)) for v in STUDY.figures.compare],
        reconstruction=first_seed(
            f"{SEED}/reconstructions/{STUDY.figures.compare[-1]}.h5"
        ),
    output:
        figure_data=f"{RESULTS}/figure_data.h5",
    log:
        f"{RESULTS}/logs/figure_data.log",
    benchmark:
        f"{RESULTS}/benchmarks/figure_data.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: memory(Job("figure_data")) * attempt,
        runtime=lambda wildcards, attempt: minutes(Job("figure_data")) * attempt,
    params:
        compare=STUDY.figures.compare,
        code=code_digest("report.figures.data"),
    script:
        "../scripts/figure_data.py"
