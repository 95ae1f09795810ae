"""Draw which true slices each reconstructed slice holds, and what slices do not share."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.core.variant import Variant
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report.figures.data import read_figure_data
from ptychobasis.report.figures.depth import draw_depth, unshared_volume
from ptychobasis.report.figures.style import save
from ptychobasis.report.names import titles
from ptychobasis.report.tables import mean_over_seeds, read_csv

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    data = read_figure_data(snakemake.input.figure_data)
    keys = Evaluation.from_plain(snakemake.params.evaluation)
    results = [read_reconstruction(path) for path in snakemake.input.reconstructions]
    variants = map(Variant.parse, snakemake.params.compare)
    shown = dict(zip(variants, results, strict=True))
    names = titles({each: (r.run.basis, r.run.stored_values) for each, r in shown.items()})
    pictures = {}
    for variant, recon in shown.items():
        field = recon.phase.cropped(data.positions)
        pictures[variant] = (names[variant], unshared_volume(field, data.positions, keys))
    assert data.truth is not None  # this rule is there only if the study is simulated
    true = unshared_volume(data.truth, data.positions, keys)
    table = mean_over_seeds(read_csv(snakemake.input.depth))
    save(draw_depth(table, pictures, true, results[-1].slice_depths), snakemake.output)
