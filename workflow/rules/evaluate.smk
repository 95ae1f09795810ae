rule evaluate:
    """Compare every reconstruction of a seed with the reference and with the truth."""
    input:
        dataset=PATHS.dataset,
        checks=f"{PATHS.data}/dataset_checks.json",
        reconstructions=PATHS.reconstructions(PATHS.variants),
        compressed=[PATHS.compressed(variant) for variant in PATHS.variants],
        counts=expand(PATHS.counts, dose=PATHS.doses, allow_missing=True),
    output:
        fsc=f"{PATHS.seed}/tables/fsc.csv",
        summary=f"{PATHS.seed}/tables/summary.csv",
    log:
        f"{PATHS.seed}/logs/evaluate.log",
    benchmark:
        f"{PATHS.seed}/benchmarks/evaluate.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: memory(Job("evaluate")) * attempt,
        runtime=lambda wildcards, attempt: minutes(Job("evaluate")) * attempt,
    params:
        evaluation=keys("evaluation")["evaluation"],
        variants=names(PATHS.variants),
        storage=parameters.storage(STUDY),
        given=given_dataset,
        code=code("evaluate"),
    message:
        "Compare the reconstructions of seed {wildcards.seed}"
    script:
        "../scripts/evaluate.py"


rule gather:
    """Put the tables of all seeds below one another, and their means on a page."""
    input:
        fsc=PATHS.of_all_seeds(f"{PATHS.seed}/tables/fsc.csv"),
        summary=PATHS.of_all_seeds(f"{PATHS.seed}/tables/summary.csv"),
    output:
        fsc=f"{PATHS.results}/tables/fsc.csv",
        summary=f"{PATHS.results}/tables/summary.csv",
        page=report(
            f"{PATHS.results}/tables/summary.html",
            category="Tables",
            caption="../report/summary.rst",
            labels={"table": "quality against numbers per pattern"},
        ),
    log:
        f"{PATHS.results}/logs/gather.log",
    benchmark:
        f"{PATHS.results}/benchmarks/gather.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        seeds=STUDY.seeds,
        reference=str(STUDY.reference),
        code=code("gather", parameters.bases(STUDY)),
    message:
        "Gather the tables of all seeds"
    script:
        "../scripts/gather.py"


if STUDY.resolves_depth:

    rule depth:
        """Compare every slice of every reconstruction with the truth of every depth."""
        input:
            datasets=PATHS.of_all_seeds(PATHS.dataset),
            checks=PATHS.of_all_seeds(f"{PATHS.data}/dataset_checks.json"),
            reconstructions=PATHS.of_all_seeds(*PATHS.reconstructions(PATHS.variants)),
        output:
            depth=f"{PATHS.results}/tables/depth.csv",
        log:
            f"{PATHS.results}/logs/depth.log",
        benchmark:
            f"{PATHS.results}/benchmarks/depth.tsv"
        conda:
            "../../envs/study.yaml"
        resources:
            mem_mb=lambda wildcards, attempt: memory(Job("depth")) * attempt,
            runtime=lambda wildcards, attempt: minutes(Job("depth")) * attempt,
        params:
            evaluation=keys("evaluation")["evaluation"],
            variants=names(PATHS.variants),
            seeds=STUDY.seeds,
            code=code("depth"),
        message:
            "Compare slices with the truth of every depth"
        script:
            "../scripts/depth.py"


rule figure_data:
    """Take from the large files the little that figures need."""
    input:
        dataset=PATHS.of_first_seed(PATHS.dataset),
        checks=PATHS.of_first_seed(f"{PATHS.data}/dataset_checks.json"),
        compressed=first_seed(map(PATHS.compressed, STUDY.compared)),
        reconstruction=PATHS.of_first_seed(PATHS.reconstruction(STUDY.compared[-1])),
    output:
        figure_data=f"{PATHS.results}/figure_data.h5",
    log:
        f"{PATHS.results}/logs/figure_data.log",
    benchmark:
        f"{PATHS.results}/benchmarks/figure_data.tsv"
    conda:
        "../../envs/study.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: memory(Job("figure_data")) * attempt,
        runtime=lambda wildcards, attempt: minutes(Job("figure_data")) * attempt,
    params:
        compare=names(STUDY.compared),
        given=given_dataset,
        code=code("figure_data"),
    message:
        "Take what figures need from the large files"
    script:
        "../scripts/figure_data.py"
