"""Compare every reconstruction with the reference and with the truth."""

from typing import TYPE_CHECKING

from ptychobasis.core.logs import script_logged
from ptychobasis.core.variant import Variant
from ptychobasis.data.dataset import read_dataset
from ptychobasis.evaluation.compare import combine, evaluate
from ptychobasis.evaluation.probe_error import compare_probes
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.reconstruction.result_file import read_reconstruction
from ptychobasis.report import tables
from ptychobasis.simulation.noise import bytes_of_counts

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

with script_logged(snakemake):
    dataset = read_dataset(snakemake.input.dataset)
    variants = [Variant.parse(text) for text in snakemake.params.variants]
    settings = Evaluation.from_plain(snakemake.params.evaluation)
    files = dict(zip(variants, snakemake.input.reconstructions, strict=True))
    chosen = Variant.parse(settings.reference, variants, "evaluation.reference")
    reference, truth, positions = (
        read_reconstruction(files[chosen]),
        dataset.truth,
        dataset.positions,
    )
    parts, errors = [], {}
    for variant, path in files.items():
        found = read_reconstruction(path)
        parts.append(evaluate(found, variant, positions, settings, reference, truth))
        if truth is not None:  # the optics are those that the patterns were simulated with
            errors[variant] = compare_probes(found.probe, found.phase.sampling, dataset.optics)
    result = combine(parts)
    stored = dict(zip(variants, snakemake.input.compressed, strict=True))
    summary = tables.add_sizes(result.summary, stored)
    doses = sorted({dose for _, dose in snakemake.params.storage.values() if dose is not None})
    counted = zip(doses, snakemake.input.counts, strict=True)
    counts = {dose: bytes_of_counts(path) for dose, path in counted}
    summary = tables.add_storage(summary, snakemake.params.storage, counts)
    if errors:
        summary = tables.add_probes(summary, errors)
    tables.write_csv(result.curves, snakemake.output.fsc)
    tables.write_csv(summary, snakemake.output.summary)
