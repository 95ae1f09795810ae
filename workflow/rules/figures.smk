# From small files and in seconds: not worth a place in the queue of a cluster.

PROBES = STUDY.drawn_probes()


rule figure_masks:
    """Draw the masks and the decomposition of a pattern."""
    input:
        figure_data=f"{PATHS.results}/figure_data.h5",
    output:
        report(
            PATHS.figure("masks")[0],
            category="Figures",
            caption="../report/masks.rst",
            labels={"figure": "1 masks and decomposition"},
        ),
        PATHS.figure("masks")[1:],
    log:
        f"{PATHS.results}/logs/figures/masks.log",
    benchmark:
        f"{PATHS.results}/benchmarks/figures/masks.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        code=code("figure_masks", parameters.bases(STUDY)),
    message:
        "Draw the masks and the decomposition of a pattern"
    script:
        "../scripts/figure_masks.py"


rule figure_fsc:
    """Draw the Fourier shell correlation of every basis and size."""
    input:
        fsc=f"{PATHS.results}/tables/fsc.csv",
    output:
        report(
            PATHS.figure("fsc")[0],
            category="Figures",
            caption="../report/fsc.rst",
            labels={"figure": "2 Fourier shell correlation"},
        ),
        PATHS.figure("fsc")[1:],
    log:
        f"{PATHS.results}/logs/figures/fsc.log",
    benchmark:
        f"{PATHS.results}/benchmarks/figures/fsc.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        sweeps=STUDY.plain_sweeps(),
        evaluation=keys("evaluation")["evaluation"],
        code=code("figure_fsc", parameters.bases(STUDY)),
    message:
        "Draw the Fourier shell correlation of every basis and size"
    script:
        "../scripts/figure_fsc.py"


rule figure_slices:
    """Draw one slice of several reconstructions and sections of all slices."""
    input:
        figure_data=f"{PATHS.results}/figure_data.h5",
        reconstructions=first_seed(PATHS.reconstructions(STUDY.compared)),
    output:
        report(
            PATHS.figure("slices")[0],
            category="Figures",
            caption="../report/slices.rst",
            labels={"figure": "3 slices of the object"},
        ),
        PATHS.figure("slices")[1:],
    log:
        f"{PATHS.results}/logs/figures/slices.log",
    benchmark:
        f"{PATHS.results}/benchmarks/figures/slices.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        slice=STUDY.figures.slice,
        compare=names(STUDY.compared),
        code=code("figure_slices", parameters.bases(STUDY)),
    message:
        "Draw one slice of several reconstructions and sections of all slices"
    script:
        "../scripts/figure_slices.py"


rule figure_quality:
    """Draw quality against the number of stored values."""
    input:
        summary=f"{PATHS.results}/tables/summary.csv",
    output:
        report(
            PATHS.figure("quality")[0],
            category="Figures",
            caption="../report/quality.rst",
            labels={"figure": "4 quality against stored numbers"},
        ),
        PATHS.figure("quality")[1:],
    log:
        f"{PATHS.results}/logs/figures/quality.log",
    benchmark:
        f"{PATHS.results}/benchmarks/figures/quality.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        sweeps=STUDY.plain_sweeps(),
        evaluation=keys("evaluation")["evaluation"],
        code=code("figure_quality", parameters.bases(STUDY)),
    message:
        "Draw quality against the number of stored values"
    script:
        "../scripts/figure_quality.py"


if STUDY.asks_for_bytes:

    rule figure_rate:
        """Draw quality against stored bytes."""
        input:
            summary=f"{PATHS.results}/tables/summary.csv",
        output:
            report(
                PATHS.figure("rate")[0],
                category="Figures",
                caption="../report/rate.rst",
                labels={"figure": "5 quality against stored bytes"},
            ),
            PATHS.figure("rate")[1:],
        log:
            f"{PATHS.results}/logs/figures/rate.log",
        benchmark:
            f"{PATHS.results}/benchmarks/figures/rate.tsv"
        localrule: True
        conda:
            "../../envs/study.yaml"
        params:
            evaluation=keys("evaluation")["evaluation"],
            code=code("figure_rate", parameters.bases(STUDY)),
        message:
            "Draw quality against stored bytes"
        script:
            "../scripts/figure_rate.py"


if STUDY.resolves_depth:

    rule figure_depth:
        """Draw which true slices each reconstructed slice holds."""
        input:
            depth=f"{PATHS.results}/tables/depth.csv",
            figure_data=f"{PATHS.results}/figure_data.h5",
            reconstructions=first_seed(PATHS.reconstructions(STUDY.compared)),
        output:
            report(
                PATHS.figure("depth")[0],
                category="Figures",
                caption="../report/depth.rst",
                labels={"figure": "6 resolution along the beam"},
            ),
            PATHS.figure("depth")[1:],
        log:
            f"{PATHS.results}/logs/figures/depth.log",
        benchmark:
            f"{PATHS.results}/benchmarks/figures/depth.tsv"
        localrule: True
        conda:
            "../../envs/study.yaml"
        params:
            evaluation=keys("evaluation")["evaluation"],
            compare=names(STUDY.compared),
            code=code("figure_depth", parameters.bases(STUDY)),
        message:
            "Draw which true slices each reconstructed slice holds"
        script:
            "../scripts/figure_depth.py"


if PROBES:

    rule figure_probe:
        """Draw the probes that were optimised with the object beside the true one."""
        input:
            reconstructions=first_seed(PATHS.reconstructions(PROBES)),
        output:
            report(
                PATHS.figure("probe")[0],
                category="Figures",
                caption="../report/probe.rst",
                labels={"figure": "7 probes"},
            ),
            PATHS.figure("probe")[1:],
        log:
            f"{PATHS.results}/logs/figures/probe.log",
        benchmark:
            f"{PATHS.results}/benchmarks/figures/probe.tsv"
        localrule: True
        conda:
            "../../envs/study.yaml"
        params:
            settings=parameters.microscope(STUDY),
            variants=names(PROBES),
            code=code("figure_probe"),
        message:
            "Draw the probes that were optimised with the object beside the true one"
        script:
            "../scripts/figure_probe.py"


if "claims" in PATHS.figure_names():

    rule figure_claims:
        """Draw what the dark field brings, how many epochs it takes, and how long they are."""
        input:
            summary=f"{PATHS.results}/tables/summary.csv",
        output:
            report(
                PATHS.figure("claims")[0],
                category="Figures",
                caption="../report/aside.rst",
                labels={"figure": "8 dark field, epochs, seconds"},
            ),
            PATHS.figure("claims")[1:],
        log:
            f"{PATHS.results}/logs/figures/claims.log",
        benchmark:
            f"{PATHS.results}/benchmarks/figures/claims.tsv"
        localrule: True
        conda:
            "../../envs/study.yaml"
        params:
            study=parameters.question(STUDY),
            code=code("figure_claims", parameters.bases(STUDY)),
        message:
            "Draw what the dark field brings, how many epochs it takes, and how long they are"
        script:
            "../scripts/figure_claims.py"


rule provenance:
    """Write the page that says from what, with what and how fast everything was made."""
    input:
        figures=PATHS.figures(),
        tables=PATHS.tables(),
        reconstructions=PATHS.of_all_seeds(*PATHS.reconstructions(PATHS.variants)),
    output:
        jobs=f"{PATHS.results}/tables/jobs.csv",
        page=report(
            f"{PATHS.results}/provenance.html",
            category="Provenance",
            caption="../report/provenance.rst",
            labels={"page": "commit, versions, device, seeds, seconds"},
        ),
    log:
        f"{PATHS.results}/logs/provenance.log",
    benchmark:
        f"{PATHS.results}/benchmarks/provenance.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        study=parameters.question(STUDY),
        labels=expand(
            "seed_{seed}/{variant}", variant=names(PATHS.variants), seed=STUDY.seeds
        ),
        code=code("provenance", parameters.bases(STUDY)),
    message:
        "Write the page of provenance"
    script:
        "../scripts/provenance.py"
