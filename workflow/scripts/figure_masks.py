"""Draw the masks and the decomposition of a pattern."""

from typing import TYPE_CHECKING

from ptychobasis.compressed import read_compressed
from ptychobasis.dataset import read_dataset
from ptychobasis.figure_masks import draw_masks
from ptychobasis.figures import save
from ptychobasis.job import job

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with job(snakemake) as study:
    dataset = read_dataset(snakemake.input.dataset)
    pattern = dataset.pattern(*(n // 2 for n in dataset.scan_shape))
    files = zip(study.figures.compare, snakemake.input.compressed, strict=True)
    bases = {label: read_compressed(path).basis for label, path in files}
    save(draw_masks(pattern, dataset.optics, bases), snakemake.output)
