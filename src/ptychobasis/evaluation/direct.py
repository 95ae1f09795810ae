"""Comparison for Python programs: one call, with the defaults of a study."""

from ptychobasis.data.dataset import Dataset
from ptychobasis.evaluation.compare import Evaluation, Measure, evaluate
from ptychobasis.reconstruction.result_file import Reconstruction


def compare_reconstructions(
    recon: Reconstruction,
    dataset: Dataset,
    reference: Reconstruction | None = None,
    measure: Measure | None = None,
) -> Evaluation:
    """Correlate a reconstruction with another one and with the truth, slice by slice.

    Args:
        recon: Reconstruction to judge.
        dataset: Data set that it was made from. Its scan tells which field is compared; the
            true potential is compared too where the data set holds it.
        reference: Reconstruction with the same slices; None compares with the truth alone.
        measure: Band, soft edge and largest shift; None takes the defaults.

    Returns:
        Curves and their means, as tables.

    Raises:
        StudyError: There is nothing to compare with, or the fields do not fit one another.
    """
    label = recon.run.basis, str(recon.run.stored_values)
    return evaluate(recon, label, dataset.positions, reference, dataset.truth, measure)
