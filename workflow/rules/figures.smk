# From small files and in seconds: not worth a place in the queue of a cluster.


rule figure_masks:
    input:
        figure_data=f"{RESULTS}/figure_data.h5",
    output:
        report(
            figure_files("masks")[0],
            category="Figures",
            caption="../report/masks.rst",
            labels={"figure": "1 masks and decomposition"},
        ),
        figure_files("masks")[1:],
    log:
        f"{RESULTS}/logs/figures/masks.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/masks.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        settings=settings("figures"),
        code=[code_digest("report.figures.masks"), code_digest("report.figures.data")],
    script:
        "../scripts/figure_masks.py"


rule figure_fsc:
    input:
        fsc=f"{RESULTS}/tables/fsc.csv",
    output:
        report(
            figure_files("fsc")[0],
            category="Figures",
            caption="../report/fsc.rst",
            labels={"figure": "2 Fourier shell correlation"},
        ),
        figure_files("fsc")[1:],
    log:
        f"{RESULTS}/logs/figures/fsc.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/fsc.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        settings=settings("evaluation", "figures"),
        code=code_digest("report.figures.curves"),
    script:
        "../scripts/figure_fsc.py"


rule figure_slices:
    input:
        figure_data=f"{RESULTS}/figure_data.h5",
        reconstructions=[
            first_seed(path) for path in reconstructions(*STUDY.figures.compare)
        ],
    output:
        report(
            figure_files("slices")[0],
            category="Figures",
            caption="../report/slices.rst",
            labels={"figure": "3 slices of the object"},
        ),
        figure_files("slices")[1:],
    log:
        f"{RESULTS}/logs/figures/slices.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/slices.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        settings=settings("figures"),
        code=[code_digest("report.figures.slices"), code_digest("report.figures.data")],
    script:
        "../scripts/figure_slices.py"


rule figure_quality:
    input:
        summary=f"{RESULTS}/tables/summary.csv",
    output:
        report(
            figure_files("quality")[0],
            category="Figures",
            caption="../report/quality.rst",
            labels={"figure": "4 quality against stored numbers"},
        ),
        figure_files("quality")[1:],
    log:
        f"{RESULTS}/logs/figures/quality.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/quality.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        settings=settings("evaluation", "figures"),
        code=code_digest("report.figures.curves"),
    script:
        "../scripts/figure_quality.py"


if RATE:

    rule figure_rate:
        input:
            summary=f"{RESULTS}/tables/summary.csv",
        output:
            report(
                figure_files("rate")[0],
                category="Figures",
                caption="../report/rate.rst",
                labels={"figure": "5 quality against stored bytes"},
            ),
            figure_files("rate")[1:],
        log:
            f"{RESULTS}/logs/figures/rate.log",
        benchmark:
            f"{RESULTS}/benchmarks/figures/rate.tsv"
        localrule: True
        conda:
            "../../envs/study.yaml"
        params:
            settings=settings("evaluation", "figures"),
            code=code_digest("report.figures.rate"),
        script:
            "../scripts/figure_rate.py"


if DEEP:

    rule figure_depth:
        input:
            depth=f"{RESULTS}/tables/depth.csv",
            figure_data=f"{RESULTS}/figure_data.h5",
            reconstructions=map(first_seed, reconstructions(*STUDY.figures.compare)),
        output:
            report(
                figure_files("depth")[0],
                category="Figures",
                caption="../report/depth.rst",
                labels={"figure": "6 resolution along the beam"},
            ),
            figure_files("depth")[1:],
        log:
            f"{RESULTS}/logs/figures/depth.log",
        benchmark:
            f"{RESULTS}/benchmarks/figures/depth.tsv"
        localrule: True
        conda:
            "../../envs/study.yaml"
        params:
            settings=settings("evaluation", "figures"),
            code=[
                code_digest("report.figures.depth"),
                code_digest("report.figures.data"),
            ],
        script:
            "../scripts/figure_depth.py"


if PROBES:

    rule figure_probe:
        input:
            reconstructions=map(first_seed, reconstructions(*PROBES)),
        output:
            report(
                figure_files("probe")[0],
                category="Figures",
                caption="../report/probe.rst",
                labels={"figure": "7 probes"},
            ),
            figure_files("probe")[1:],
        log:
            f"{RESULTS}/logs/figures/probe.log",
        benchmark:
            f"{RESULTS}/benchmarks/figures/probe.tsv"
        localrule: True
        conda:
            "../../envs/study.yaml"
        params:
            settings=settings("figures", "microscope", "detector"),
            variants=PROBES,
            code=code_digest("report.figures.probe"),
        script:
            "../scripts/figure_probe.py"


if ASIDE:

    rule figure_claims:
        input:
            summary=f"{RESULTS}/tables/summary.csv",
        output:
            report(
                figure_files("claims")[0],
                category="Figures",
                caption="../report/aside.rst",
                labels={"figure": "8 dark field, epochs, seconds"},
            ),
            figure_files("claims")[1:],
        log:
            f"{RESULTS}/logs/figures/claims.log",
        benchmark:
            f"{RESULTS}/benchmarks/figures/claims.tsv"
        localrule: True
        conda:
            "../../envs/study.yaml"
        params:
            settings=settings("figures"),
            sweeps=sweeps_settings(),
            code=code_digest("report.figures.dark_field_and_time"),
        script:
            "../scripts/figure_claims.py"


rule provenance:
    input:
        reconstructions=expand(reconstructions(), seed=STUDY.seeds),
    output:
        jobs=f"{RESULTS}/tables/jobs.csv",
        page=report(
            f"{RESULTS}/provenance.html",
            category="Provenance",
            caption="../report/provenance.rst",
            labels={"page": "commit, versions, device, seeds, seconds"},
        ),
    log:
        f"{RESULTS}/logs/provenance.log",
    benchmark:
        f"{RESULTS}/benchmarks/provenance.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        labels=expand("seed_{seed}/{variant}", seed=STUDY.seeds, variant=VARIANTS),
        code=code_digest("report.pages"),
    script:
        "../scripts/provenance.py"
