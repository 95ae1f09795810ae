"""Correlate every reconstruction with the uncompressed one and with the truth."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.data.dataset import read_dataset
from ptychobasis.evaluation import compare
from ptychobasis.evaluation.probe_error import compare_probes
from ptychobasis.evaluation.settings import Evaluation as Settings
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report import tables
from ptychobasis.simulation.noise import bytes_of_counts

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    dataset = read_dataset(snakemake.input.dataset)
    variants = [tuple(label.split("/")) for label in snakemake.params.variants]
    settings = Settings.from_plain(snakemake.params.evaluation)
    files = dict(zip(snakemake.params.variants, snakemake.input.reconstructions, strict=True))
    reference = read_reconstruction(files[settings.reference])
    measure = compare.Measure(settings.band_per_angstrom, settings.apodisation_angstrom)
    truth = dataset.truth
    parts, errors = [], {}
    for variant in variants:
        found = read_reconstruction(files["/".join(variant)])
        parts.append(compare.evaluate(found, variant, dataset.positions, reference, truth, measure))
        if truth is not None:  # the optics are those that the patterns were simulated with
            errors[variant] = compare_probes(found.probe, found.sampling, dataset.optics)
    result = compare.combine(parts)
    summary = tables.add_sizes(
        result.summary, dict(zip(variants, snakemake.input.compressed, strict=True))
    )
    doses = sorted({dose for _, dose in snakemake.params.storage.values() if dose is not None})
    counted = zip(doses, snakemake.input.counts, strict=True)
    summary = tables.add_storage(
        summary,
        snakemake.params.storage,
        {dose: bytes_of_counts(path) for dose, path in counted},
    )
    if errors:
        summary = tables.add_probes(summary, errors)
    tables.write_csv(result.curves, snakemake.output.fsc)
    tables.write_csv(summary, snakemake.output.summary)
