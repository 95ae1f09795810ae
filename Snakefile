"""How few numbers per diffraction pattern does electron ptychography need?

The table of contents: configuration, stages and targets. Each stage stands in
workflow/rules, each script in workflow/scripts, all physics in src/ptychobasis.
"""

from snakemake.utils import min_version

min_version("9.0")


if not workflow.configfiles:

    configfile: "config/demo.yaml"


UNPACKED = False  # workflow/redraw.smk starts from an unpacked crate


include: "workflow/rules/common.smk"
include: "workflow/rules/crystal.smk"
include: "workflow/rules/simulate.smk"
include: "workflow/rules/compress.smk"
include: "workflow/rules/reconstruct.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/claims.smk"
include: "workflow/rules/crate.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        figures=figure_files(),
        tables=tables(),
        provenance=f"{RESULTS}/provenance.html",
    localrule: True


rule figures:
    input:
        figure_files(),
    localrule: True
