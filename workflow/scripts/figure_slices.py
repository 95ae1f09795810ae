"""Draw one slice of several reconstructions and sections of all slices."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.core.variant import Variant
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report.figures.data import read_figure_data
from ptychobasis.report.figures.slices import draw_slices
from ptychobasis.report.figures.style import save
from ptychobasis.report.names import titles

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    data = read_figure_data(snakemake.input.figure_data)
    results = [read_reconstruction(path) for path in snakemake.input.reconstructions]
    variants = map(Variant.parse, snakemake.params.compare)
    shown = dict(zip(variants, results, strict=True))
    names = titles({each: (r.run.basis, r.run.stored_values) for each, r in shown.items()})
    pictures = [(names[each], r.phase.cropped(data.positions)) for each, r in shown.items()]
    if data.truth is not None:
        pictures.append(("true\npotential", data.truth))
    absorbing = [
        (names[each], r.absorption.cropped(data.positions))
        for each, r in shown.items()
        if r.absorption is not None
    ]
    depths, index = results[-1].slice_depths, snakemake.params.slice - 1
    save(draw_slices(pictures, depths, index, absorbing), snakemake.output)
