rule claims:
    """Judge the statements of the paper by what the study measured."""
    input:
        summary=f"{PATHS.results}/tables/summary.csv",
        fsc=f"{PATHS.results}/tables/fsc.csv",
        depth=[f"{PATHS.results}/tables/depth.csv"] * STUDY.resolves_depth,
    output:
        table=f"{PATHS.results}/claims.csv",
        page=report(
            f"{PATHS.results}/claims.html",
            category="Claims",
            caption="../report/claims.rst",
            labels={"table": "the statements of the paper"},
        ),
    log:
        f"{PATHS.results}/logs/claims.log",
    benchmark:
        f"{PATHS.results}/benchmarks/claims.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        study=parameters.question(STUDY),
        code=code("claims", parameters.bases(STUDY)),
    message:
        "Judge the statements of the paper"
    script:
        "../scripts/claims.py"
