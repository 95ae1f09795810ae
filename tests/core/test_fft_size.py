"""Sizes of FFTs: even, fast, and never smaller than asked for."""

import pytest

from ptychobasis.core.fft_size import fast_even_size


def test_sizes_are_even_and_fast() -> None:
    assert [fast_even_size(n) for n in (63.2, 64, 65, 126.1, 509)] == [64, 64, 66, 128, 512]


@pytest.mark.parametrize("least", range(2, 600, 7))
def test_the_next_size_is_the_first_that_fits(least: int) -> None:
    def fast(size: int) -> bool:
        for prime in (2, 3, 5, 7, 11):
            while size % prime == 0:
                size //= prime
        return size == 1

    found = fast_even_size(least)
    assert found == next(n for n in range(least, 2000) if n % 2 == 0 and fast(n // 2))


def test_a_size_that_was_computed_may_be_off_by_rounding() -> None:
    assert fast_even_size(64 + 1e-9) == 64
    assert fast_even_size(200 * 1.15) == 240
