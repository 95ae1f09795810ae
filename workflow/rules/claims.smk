rule claims:
    input:
        summary=f"{RESULTS}/tables/summary.csv",
        fsc=f"{RESULTS}/tables/fsc.csv",
        depth=[f"{RESULTS}/tables/depth.csv"] * DEEP,
    output:
        table=f"{RESULTS}/claims.csv",
        page=report(
            f"{RESULTS}/claims.html",
            category="Claims",
            caption="../report/claims.rst",
            labels={"table": "the statements of the paper"},
        ),
    log:
        f"{RESULTS}/logs/claims.log",
    benchmark:
        f"{RESULTS}/benchmarks/claims.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        settings=settings("evaluation", "claims", "microscope", "crystal"),
        sweeps=sweeps_settings(),
        compare=STUDY.figures.compare,
        code=[code_digest("report.claims.claims"), code_digest("report.pages")],
    script:
        "../scripts/claims.py"
