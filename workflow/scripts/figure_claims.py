"""Draw what the dark field brings, how many epochs it takes, and how long they are."""

from typing import TYPE_CHECKING

from ptychobasis.figure_claims import draw_claims
from ptychobasis.figures import save
from ptychobasis.job import job
from ptychobasis.tables import read_csv

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    save(draw_claims(study, read_csv(snakemake.input.summary)), snakemake.output)
