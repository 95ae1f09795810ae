"""Draw every figure of an unpacked crate anew, from the tables and reconstructions in it.

In the folder where results/{study}/crate.zip was unpacked:
    snakemake --snakefile path/to/ptychobasis/workflow/redraw.smk --cores 1 --forceall
"""

from snakemake.utils import min_version

min_version("9.0")


configfile: "config.yaml"


UNPACKED = True


include: "rules/common.smk"
include: "rules/figures.smk"


rule figures:
    """All figures, from the files of the crate."""
    input:
        PATHS.figures(),
    localrule: True
