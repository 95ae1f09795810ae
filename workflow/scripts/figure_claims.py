"""Draw what the dark field brings, how many epochs it takes, and how long they are."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.report.claims.drawn import drawn_claims
from ptychobasis.report.figures.dark_field_and_time import draw_claims
from ptychobasis.report.figures.style import save
from ptychobasis.report.tables import read_csv
from ptychobasis.study.schema import Study

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    study = Study.from_plain(snakemake.params.study)
    drawn = drawn_claims(study, read_csv(snakemake.input.summary))
    save(draw_claims(drawn), snakemake.output)
