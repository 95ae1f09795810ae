"""Comparison for Python programs: one call, with the defaults of a study."""

from ptychobasis.core.arrays import Pair
from ptychobasis.core.variant import Variant
from ptychobasis.data.dataset import Dataset
from ptychobasis.evaluation.compare import Comparison, evaluate
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.reconstruction.result_file import Reconstruction


def compare_reconstructions(
    recon: Reconstruction,
    dataset: Dataset,
    reference: Reconstruction | None = None,
    band: Pair = (0.15, 1.23),
    apodisation: float = 2.0,
) -> Comparison:
    """Correlate a reconstruction with another one and with the truth, slice by slice.

    Args:
        recon: Reconstruction to judge.
        dataset: Data set that it was made from. Its scan tells which field is compared; the
            true potential is compared too where the data set holds it.
        reference: Reconstruction with the same slices; None compares with the truth alone.
        band: Frequencies from, to over which the correlation is averaged [1/Å].
        apodisation: Width of the soft edge of the compared field [Å].

    Returns:
        Curves and their means, as tables.

    Raises:
        StudyError: There is nothing to compare with, or the fields do not fit one another.
    """
    variant = Variant(recon.run.basis, str(recon.run.stored_values))
    settings = Evaluation(
        reference=str(variant), band_per_angstrom=band, apodisation_angstrom=apodisation
    )
    return evaluate(recon, variant, dataset.positions, settings, reference, dataset.truth)
