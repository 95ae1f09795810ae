"""How few numbers per diffraction pattern does electron ptychography need?

The workflow stands in workflow/Snakefile, where catalogues look for it.
"""


include: "workflow/Snakefile"


workflow.default_target = "all"  # an included file cannot say so itself
