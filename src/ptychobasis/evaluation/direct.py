"""Comparison for Python programs: one call, with the defaults of a study."""

from ptychobasis.core.variant import Variant
from ptychobasis.data.dataset import Dataset
from ptychobasis.evaluation.compare import Comparison, evaluate
from ptychobasis.evaluation.settings import Evaluation
from ptychobasis.reconstruction.result_file import Reconstruction


def compare_reconstructions(
    recon: Reconstruction,
    dataset: Dataset,
    reference: Reconstruction | None = None,
    settings: Evaluation | None = None,
) -> Comparison:
    """Correlate a reconstruction with another one and with the truth, slice by slice.

    Args:
        recon: Reconstruction to judge.
        dataset: Data set that it was made from. Its scan tells which field is compared; the
            true potential is compared too where the data set holds it.
        reference: Reconstruction with the same slices; None compares with the truth alone.
        settings: Band and soft edge; None takes 0.15 to 1.23 1/Å and 2 Å.

    Returns:
        Curves and their means, as tables.

    Raises:
        StudyError: There is nothing to compare with, or the fields do not fit one another.
    """
    variant = Variant(recon.run.basis, str(recon.run.stored_values))
    chosen = settings or Evaluation(reference="pixels/all", band_per_angstrom=(0.15, 1.23))
    return evaluate(recon, variant, dataset.positions, chosen, reference, dataset.truth)
