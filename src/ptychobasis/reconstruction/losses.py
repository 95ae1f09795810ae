"""The misfit of predicted patterns to the numbers that were stored."""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import issparse

from ptychobasis.bases.basis import Basis
from ptychobasis.core.errors import StudyError
from ptychobasis.core.grid import centred_slices

LossKind = Literal["intensity", "amplitude"]
_MANY = 50  # counts from which on the variance of a root is 1/4


def noise_of_roots(means: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean of (√n - √λ)² over Poisson counts n of each mean λ: 2λ - 2√λ E√n.

    It is 2λ where hardly anything is counted, 0.45 at λ = 1, and 1/4 where many are.

    Args:
        means: Means λ of any shape, not negative.
    """
    grid = np.concatenate([[0.0], np.geomspace(1e-4, _MANY, 400)])
    counts = np.arange(4 * _MANY)
    logarithms = np.cumsum(np.log(np.maximum(counts, 1)))  # of n!
    weights = np.exp(np.outer(np.log(grid[1:]), counts) - grid[1:, None] - logarithms)
    found = 2 * grid[1:] - 2 * np.sqrt(grid[1:]) * (weights @ np.sqrt(counts))
    return np.interp(means, grid, np.concatenate([[0.0], found]), right=0.25)


class CoefficientLoss:
    """Squared l2 distance between predicted and stored numbers, relative to the stored.

    ``intensity`` is Σ (c - c*)² / Σ c*², with the coefficients c of the predicted intensities
    and the stored ones c*. ``amplitude`` is Σ (√I - √I*)² / Σ I*, for bases that store pixels.
    Coefficients of dark-field masks are compared with zero. Sums run over a batch. The
    denominator is the mean of the whole scan times the size of the batch, so that the losses of
    batches can be averaged.

    Args:
        basis: Basis of the stored numbers, on the detector.
        coefficients: Numbers that were stored, ``(positions, masks)``.
        shape: Pixels (y, x) of the model's patterns, centred like the detector's. Stored
            pixels that lie outside are left out; masks must lie inside.
        kind: Kind of the loss, ``intensity`` or ``amplitude``.
        zero: Masks on `shape` whose coefficients are to be zero.

    Raises:
        StudyError: Amplitudes are asked of masks, or a mask reaches beyond `shape`.
    """

    def __init__(
        self,
        basis: Basis,
        coefficients: NDArray[np.float32],
        shape: tuple[int, int],
        kind: LossKind = "intensity",
        zero: Basis | None = None,
    ) -> None:
        if kind == "amplitude" and basis.matrix is not None:
            raise StudyError(
                f"loss 'amplitude' needs pixels, but '{basis.name}' stores masks, which can be "
                "negative; allowed for it: intensity"
            )
        basis, coefficients = _within(basis, coefficients, shape)
        self.kind, self._basis, self._zero = kind, _Sampler(basis), None
        self._stored = torch.as_tensor(coefficients)
        if basis.matrix is None:  # pixels are sampled in the order of memory
            self._stored = self._stored[:, self._basis.order]
        if zero is not None:
            self._zero = _Sampler(zero)
        if kind == "amplitude":
            self._stored = self._stored.sqrt()
        # one position at a time, into one array: all pixels of a large scan in double precision
        # would fill the memory
        squares = torch.empty(len(self._stored), dtype=torch.float64)
        for i, row in enumerate(self._stored):
            squares[i] = row.double().square().sum()
        self._scale = float(squares.mean())
        if self._scale == 0:
            raise StudyError("all stored numbers are zero; allowed: patterns with electrons")
        self._electrons: float | None = None

    def to(self, device: torch.device, dtype: torch.dtype) -> "CoefficientLoss":
        """Move the stored numbers to a device and to a real type, and return this loss."""
        self._stored = self._stored.to(device, dtype)
        for sampler in (self._basis, self._zero):
            if sampler is not None:
                sampler.to(device, dtype)
        return self

    def __call__(self, intensities: torch.Tensor, batch: NDArray[np.int64]) -> torch.Tensor:
        """Loss of predicted patterns.

        Args:
            intensities: Predicted patterns, ``(batch, y, x)``, the zero frequency first.
            batch: Indices of their scan positions, ``(batch,)``.
        """
        predicted = self._basis(intensities)
        if self.kind == "amplitude":
            # the square root has no derivative at zero, where no electron was predicted
            predicted = torch.sqrt(predicted + 1e-12)
        total = (predicted - self._of(batch)).square().sum()
        if self._zero is not None:
            total = total + self._zero(intensities).square().sum()
        return total / (self._scale * len(batch))

    def counted(self, electrons: float | None) -> "CoefficientLoss":
        """Let the loss know how many electrons make a pattern; None: that is not known."""
        self._electrons = electrons
        return self

    def misfit(self, intensities: torch.Tensor, batch: NDArray[np.int64]) -> tuple[float, float]:
        """Σ (c - c*)² and Σ c*² over stored numbers alone; amplitudes where these are compared.

        Args:
            intensities: Predicted patterns, ``(batch, y, x)``, the zero frequency first.
            batch: Indices of their scan positions.
        """
        predicted, stored = self._basis(intensities), self._of(batch)
        if self.kind == "amplitude":
            predicted = predicted.sqrt()
        squares = (predicted - stored).double().square().sum()
        return float(squares), float(stored.double().square().sum())

    def expected_noise(self, intensities: torch.Tensor) -> float:
        """Σ (c - c*)² that Poisson noise of the counts alone would give; 0 where it is unknown.

        The variance of Σ_k m_k n_k / N over counts n_k of the mean N I_k is Σ_k m_k² I_k / N. For
        amplitudes see `noise_of_roots`.
        """
        if self._electrons is None:
            return 0.0
        variance = self._basis.squared(intensities)
        if self.kind == "amplitude":
            means = self._electrons * self._basis(intensities).double().cpu().numpy()
            variance = torch.as_tensor(noise_of_roots(means))
        return float(variance.double().sum()) / self._electrons

    def _of(self, batch: NDArray[np.int64]) -> torch.Tensor:
        """Stored numbers of some positions."""
        return self._stored[torch.as_tensor(batch, device=self._stored.device)]

    def knowns(self) -> tuple[int, int]:
        """Numbers per pattern that are compared with stored ones, and with zero."""
        return self._stored.shape[1], self._zero.size if self._zero is not None else 0

    def curvature(self, brightest: float, density: float) -> float:
        """A bound of the second derivative of the loss of one position by the phase.

        A change δφ of the phase changes the exit wave by at most √density |δφ| in the l2 norm.
        This changes the intensities by at most 2 √(brightest density) |δφ|, and the amplitudes
        by at most √density |δφ|. Orthonormal masks do not make it larger.

        Args:
            brightest: Largest intensity of a pixel of the pattern.
            density: Largest intensity of the probe in a pixel of the object; 1 for a change of
                the probe itself, which is a change of the wave.
        """
        slope = 2 * brightest * self._basis.norm() ** 2 if self.kind == "intensity" else 1.0
        return 4 * slope * density / self._scale


class _Sampler:
    """A basis as a function of patterns in torch, the zero frequency first.

    Pixels are looked up in the order of memory. Then they are multiplied with the matrix of the
    masks. If that is sparse, pixels are weighted with its entries and summed up for each mask.
    """

    def __init__(self, basis: Basis) -> None:
        masks: Any = basis.matrix
        size = basis.support.size
        places = np.fft.ifftshift(np.arange(size).reshape(basis.support.shape))
        pixels = np.argsort(places.ravel())[np.flatnonzero(basis.support)]
        self.size, self._rows, self._weights = basis.size, None, None
        if issparse(masks):
            masks = masks.tocoo()
            pixels = pixels[masks.col]
        self.order = np.argsort(pixels)
        if issparse(masks):
            self._rows = torch.as_tensor(masks.row[self.order].astype(np.int64))
            self._weights = torch.as_tensor(masks.data[self.order])
        elif masks is not None:
            self._weights = torch.as_tensor(masks[:, self.order].T.copy())
        pixels = pixels[self.order]
        every = np.array_equal(pixels, np.arange(size))
        self._pixels = None if every else torch.as_tensor(pixels)

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        if self._weights is not None:
            self._weights = self._weights.to(device, dtype)
        if self._rows is not None:
            self._rows = self._rows.to(device)
        if self._pixels is not None:
            self._pixels = self._pixels.to(device)

    def norm(self) -> float:
        """Spectral norm of the matrix of the masks; 1 for pixels and for bins."""
        if self._weights is None or self._rows is not None:
            return 1.0
        return float(torch.linalg.matrix_norm(self._weights, 2))

    def __call__(self, intensities: torch.Tensor) -> torch.Tensor:
        return self._sums(intensities, self._weights)

    def squared(self, intensities: torch.Tensor) -> torch.Tensor:
        """The same with the square of every entry of the masks."""
        return self._sums(intensities, None if self._weights is None else self._weights.square())

    def _sums(self, intensities: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
        flat = intensities.flatten(1)
        seen = flat if self._pixels is None else flat.index_select(1, self._pixels)
        if weights is None:
            return seen
        if self._rows is None:
            return seen @ weights
        sums = seen.new_zeros(len(seen), self.size)
        return sums.scatter_add(1, self._rows.expand(len(seen), -1), seen * weights)


def _within(
    basis: Basis, coefficients: NDArray[np.float32], shape: tuple[int, int]
) -> tuple[Basis, NDArray[np.float32]]:
    """Restrict a basis and its coefficients to a smaller pattern.

    Only a basis of pixels may lose some.
    """
    if basis.matrix is None:
        old = basis.support.shape
        inside = np.zeros(old, bool)
        inside[centred_slices(old, (min(old[0], shape[0]), min(old[1], shape[1])))] = True
        kept = inside[basis.support]
        basis = Basis(basis.name, basis.support & inside)
        coefficients = coefficients if kept.all() else coefficients[:, kept]
    return basis.on_shape(shape), coefficients
