"""Draw the probes that were optimised with the object beside the true one."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.core.variant import Variant
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report.figures.probe import draw_probes
from ptychobasis.report.figures.style import save
from ptychobasis.simulation.geometry import simulated_optics
from ptychobasis.simulation.settings import Detector, Microscope

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    variants = [Variant.parse(text) for text in snakemake.params.variants]
    several = len({variant.size for variant in variants}) > 1
    names = ["\n".join(each) if several else each.sweep for each in variants]
    results = map(read_reconstruction, snakemake.input.reconstructions)
    keys = snakemake.params.settings
    optics = simulated_optics(
        Microscope.from_plain(keys["microscope"]), Detector.from_plain(keys["detector"])
    )
    save(draw_probes(list(zip(names, results, strict=True)), optics), snakemake.output)
