"""Bases of functions on the bright-field disc, at as many as one asks for."""

import itertools
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_jacobi, jnp_zeros, jv

from ptychobasis.bases.basis import Basis, Bool, Float, Request
from ptychobasis.bases.orthonormal import orthonormal_rows
from ptychobasis.core.errors import StudyError

_DEPENDENT = 1e-6  # what is left of a function without the others, if it follows from them


def zernike(request: Request) -> Basis:
    """The first `size` Zernike polynomials, orthonormal on the actual pixels of the disc.

    Order (n, m) as in OSA/ANSI Z80.28: j = (n(n + 2) + m) / 2, so that the complete orders
    end at 1, 3, 6, 10, 15, 21, 28, 36, ... masks. Sampled polynomials are not quite
    orthogonal; a QR decomposition in this order makes them so and keeps their signs.
    """
    support = _disc(request)
    rho, theta = (values[support] for values in request.optics.polar_frequencies())
    sampled = np.stack([_zernike_polynomial(j, rho, theta) for j in range(request.size)])
    return Basis("zernike", support, _orthonormal(sampled, "Zernike polynomials"))


def disc_harmonics(request: Request) -> Basis:
    """The first `size` Fourier-Bessel functions, orthonormal on the actual pixels of the disc.

    J_m(j' ρ) sin(mθ) and J_m(j' ρ) cos(mθ), where j' is a zero of the derivative of J_m, are
    the vibrations of a disc with a free rim (Neumann's condition), ordered by frequency. The
    first is constant. They resolve the disc evenly, Zernike polynomials best at the rim.
    """
    support = _disc(request)
    rho, theta = (values[support] for values in request.optics.polar_frequencies())
    sampled = [
        jv(abs(m), zero * rho) * (np.cos(m * theta) if m >= 0 else np.sin(-m * theta))
        for zero, m in disc_vibrations(request.size)
    ]
    return Basis("disc-harmonics", support, _orthonormal(np.stack(sampled), "disc harmonics"))


def hadamard(request: Request) -> Basis:
    """The first `size` two-dimensional Walsh functions of the disc's square, cut to the disc.

    Masks of two values are what a single-pixel camera exposes (Duarte et al., IEEE Signal
    Process. Mag. 25, 83, 2008). They come by the sum of their sign changes along y and x, so
    that 1, 3, 6, 10, ... masks are complete; those that follow from the ones before on the disc,
    which lacks the corners of the square, are left out (with more than about 80 masks). Cut to
    the disc they are not quite orthogonal: what is stored are their orthonormal combinations, which
    follow from the numbers that such hardware measures.
    """
    support = _disc(request)
    ky, kx = (k / request.optics.aperture for k in request.optics.detector.frequencies())
    y, x = ((k[support] + 1) / 2 for k in np.broadcast_arrays(ky, kx))
    orders = ((total - q, q) for total in itertools.count() for q in range(total + 1))
    masks = (walsh(p, y) * walsh(q, x) / np.sqrt(y.size) for p, q in orders)
    kept = np.stack(list(itertools.islice(_new_directions(masks), request.size)))
    return Basis("hadamard", support, kept.astype(np.float32))


def random(request: Request) -> Basis:
    """`size` masks of random signs, always the same, made orthonormal in their order.

    What compressed sensing would take: it favours nothing. The signs are drawn by NumPy's
    default generator with the seed 0, mask after mask, so that a smaller basis holds the
    first masks of a larger one.
    """
    support = _disc(request)
    signs = np.random.default_rng(0).choice([-1.0, 1.0], (request.size, int(support.sum())))
    return Basis("random", support, _orthonormal(signs, "random masks"))


def complete_zernike_orders(limit: int) -> list[int]:
    """Mask counts up to `limit` that are complete sets of orders: 1, 3, 6, 10, ..."""
    counts = (n * (n + 1) // 2 for n in itertools.count(1))
    return list(itertools.takewhile(lambda count: count <= limit, counts))


def zernike_indices(j: int) -> tuple[int, int]:
    """Radial order n and azimuthal frequency m of the OSA/ANSI index `j`."""
    n = int(np.ceil((np.sqrt(9 + 8 * j) - 3) / 2))
    return n, 2 * j - n * (n + 2)


def disc_vibrations(count: int) -> list[tuple[float, int]]:
    """Frequency j' and azimuthal order m of the first vibrations of a unit disc with a free rim.

    Negative m stands for the sine and comes before the cosine.
    """
    # at least x² / 4 of them lie below x (Pólya's conjecture, proven for the disc by Filonov et
    # al., Invent. Math. 234, 129, 2023); zeros of J'_m lie beyond m and about π apart
    highest = 2 * np.sqrt(count)
    radial = int(highest / np.pi) + 2
    found = [(0.0, 0), *((float(zero), 0) for zero in jnp_zeros(0, radial))]
    for m in range(1, int(highest) + 2):
        found += [(float(zero), sign * m) for zero in jnp_zeros(m, radial) for sign in (-1, 1)]
    return sorted(found)[:count]


def walsh(n: int, t: Float) -> NDArray[np.int64]:
    """Walsh function with `n` changes of sign, at `t` between 0 and 1; it begins with +1.

    A product of square waves sgn sin(2^k π t), k = 1, 2, ..., those that the Gray code of n
    names (Beauchamp, Walsh Functions and Their Applications, 1975).
    """
    gray, changes = n ^ (n >> 1), np.zeros(np.shape(t), np.int64)
    for k in range(gray.bit_length()):
        if gray >> k & 1:
            changes += np.floor(t * 2 ** (k + 1)).astype(np.int64)
    return 1 - 2 * (changes % 2)


def _disc(request: Request) -> Bool:
    """The bright-field disc, if it has enough pixels."""
    support = request.optics.bright_field()
    if request.size > support.sum():
        raise StudyError(
            f"{request.size} masks do not fit the bright-field disc of {support.sum()} pixels; "
            f"allowed is 1 to {support.sum()}"
        )
    return support


def _orthonormal(sampled: Float, what: str) -> NDArray[np.float32]:
    """Make ``(functions, pixels)`` orthonormal in their order, each with its sign."""
    masks, triangle = orthonormal_rows(sampled)
    diagonal = np.diag(triangle)
    if diagonal.min() < _DEPENDENT * diagonal.max():
        count, pixels = sampled.shape
        raise StudyError(
            f"{count} {what} are not independent on the {pixels} pixels of the bright-field disc; "
            "allowed are fewer masks"
        )
    return masks.astype(np.float32)


def _new_directions(vectors: Iterable[Float]) -> Iterator[Float]:
    """Those unit vectors that do not follow from the ones before them."""
    span: list[Float] = []
    for vector in vectors:
        rest = vector
        for _ in range(2 if span else 0):  # once more, for what rounding left
            rest = rest - np.stack(span).T @ (np.stack(span) @ rest)
        if np.linalg.norm(rest) > _DEPENDENT:
            span.append(rest / np.linalg.norm(rest))
            yield vector


def _zernike_polynomial(j: int, rho: Float, theta: Float) -> Float:
    """Z_j with R_nm(ρ) = (-1)^k ρ^m P_k^(m, 0)(1 - 2ρ²), k = (n - m) / 2 (Born and Wolf, 9.2)."""
    n, m = zernike_indices(j)
    k = (n - abs(m)) // 2
    radial = (-1) ** k * rho ** abs(m) * eval_jacobi(k, abs(m), 0, 1 - 2 * rho**2)
    return radial * (np.cos(m * theta) if m >= 0 else np.sin(-m * theta))
