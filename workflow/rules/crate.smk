rule crate:
    input:
        figures=figure_files(),
        tables=tables(),
        provenance=f"{RESULTS}/provenance.html",
        figure_data=f"{RESULTS}/figure_data.h5",
        reconstructions=expand(reconstructions(), seed=STUDY.seeds),
        given=[*crystal_file(), *masks_files()],
    output:
        f"{RESULTS}/crate.zip",
    log:
        f"{RESULTS}/logs/crate.log",
    benchmark:
        f"{RESULTS}/benchmarks/crate.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        settings=STUDY.model_dump(mode="json"),
        code=code_digest("report.crate"),
    script:
        "../scripts/crate.py"
