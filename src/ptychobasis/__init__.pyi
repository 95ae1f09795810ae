# The public names: for type checkers, for editors, and for `lazy_loader` at run time.
from .bases.basis import Basis as Basis
from .bases.compressed_file import Compressed as Compressed
from .bases.compressed_file import read_compressed as read_compressed
from .bases.direct import compress_dataset as compress_dataset
from .bases.direct import make_basis as make_basis
from .core.errors import StudyError as StudyError
from .core.grid import Grid as Grid
from .core.optics import Optics as Optics
from .core.volume import Volume as Volume
from .data.dataset import Dataset as Dataset
from .data.dataset import Truth as Truth
from .data.dataset import read_dataset as read_dataset
from .data.dataset import write_dataset as write_dataset
from .data.preparation import prepare_dataset as prepare_dataset
from .evaluation.compare import Comparison as Comparison
from .evaluation.direct import compare_reconstructions as compare_reconstructions
from .evaluation.settings import Evaluation as Evaluation
from .reconstruction.result_file import Reconstruction as Reconstruction
from .reconstruction.result_file import read_reconstruction as read_reconstruction
from .reconstruction.result_file import write_reconstruction as write_reconstruction
from .reconstruction.run import reconstruct as reconstruct
from .reconstruction.settings import ReconstructionSettings as ReconstructionSettings
from .study.load import load_study as load_study

__version__: str
