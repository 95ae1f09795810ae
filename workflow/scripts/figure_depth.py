"""Draw which true slices each reconstructed slice holds, and what slices do not share."""

from typing import TYPE_CHECKING

import pandas as pd

from ptychobasis.core.logs import script_logged
from ptychobasis.evaluation.compare import Measure
from ptychobasis.evaluation.field import scanned_picture
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report.figures.data import read_figure_data
from ptychobasis.report.figures.depth import draw_depth, own_picture
from ptychobasis.report.figures.style import pretty, save

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    data = read_figure_data(snakemake.input.figure_data)
    keys = Evaluation.from_plain(snakemake.params.evaluation)
    measure = Measure(keys.band_per_angstrom, keys.apodisation_angstrom)
    results = [read_reconstruction(path) for path in snakemake.input.reconstructions]
    pictures = {}
    for label, recon in zip(snakemake.params.compare, results, strict=True):
        title = f"{pretty(recon.run.basis)}\n{recon.run.stored_values} numbers"
        area = scanned_picture(recon, data.positions)
        pictures[label] = (title, own_picture(area, measure))
    assert data.truth is not None  # this rule is there only if the study is simulated
    true = own_picture(data.truth, measure)
    table = pd.read_csv(snakemake.input.depth, dtype={"size": str})
    keys_of_share = ["sweep", "size", "slice", "true_slice"]
    table = table.groupby(keys_of_share, as_index=False).mean(numeric_only=True)  # over seeds
    save(draw_depth(table, pictures, true, results[-1].slice_depths), snakemake.output)
