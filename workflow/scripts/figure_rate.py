"""Draw quality against stored bytes."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.core.variant import Variant
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.report.figures.rate import draw_rate
from ptychobasis.report.figures.style import save
from ptychobasis.report.tables import read_csv

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    summary = read_csv(snakemake.input.summary)
    keys = Evaluation.from_plain(snakemake.params.evaluation)
    reference = Variant.parse(keys.reference)
    save(draw_rate(summary, reference, keys.band_per_angstrom), snakemake.output)
