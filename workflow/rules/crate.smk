rule crate:
    """Pack configuration, tables, figures and reconstructions into one RO-Crate."""
    input:
        figures=PATHS.figures(),
        tables=PATHS.tables(),
        provenance=f"{PATHS.results}/provenance.html",
        figure_data=f"{PATHS.results}/figure_data.h5",
        reconstructions=PATHS.of_all_seeds(*PATHS.reconstructions(PATHS.variants)),
        given=[*PATHS.structure(), *PATHS.masks()],
    output:
        f"{PATHS.results}/crate.zip",
    log:
        f"{PATHS.results}/logs/crate.log",
    benchmark:
        f"{PATHS.results}/benchmarks/crate.tsv"
    localrule: True
    conda:
        "../../envs/study.yaml"
    params:
        study=STUDY.model_dump(mode="json", exclude_unset=True),
        given=outside(*PATHS.structure(), *PATHS.masks()),
        code=code("crate", parameters.bases(STUDY)),
    message:
        "Pack {output}"
    script:
        "../scripts/crate.py"
