"""Draw the probes that were optimised with the object beside the true one."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report.figures.probe import draw_probes
from ptychobasis.report.figures.style import save
from ptychobasis.simulation.geometry import simulated_optics
from ptychobasis.simulation.settings import Detector, Microscope

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    labels = snakemake.params.variants
    several = len({size for _, size in (label.split("/") for label in labels)}) > 1
    results = {
        (label.replace("/", "\n") if several else label.split("/")[0]): read_reconstruction(path)
        for label, path in zip(labels, snakemake.input.reconstructions, strict=True)
    }
    keys = snakemake.params.settings
    optics = simulated_optics(
        Microscope.from_plain(keys["microscope"]), Detector.from_plain(keys["detector"])
    )
    save(draw_probes(results, optics), snakemake.output)
