"""Sweep and size: written in one way, read in one way."""

import pytest

from ptychobasis.core.errors import StudyError
from ptychobasis.core.variant import Variant

KNOWN = [Variant("zernike", "36"), Variant("uncompressed", "all")]


def test_text_and_back() -> None:
    assert str(Variant("zernike", "36")) == f"{KNOWN[0]}" == "zernike/36"
    assert Variant.parse("zernike/36") == KNOWN[0]
    assert Variant.parse("uncompressed/all", KNOWN) == ("uncompressed", "all")


@pytest.mark.parametrize("text", ["zernike/35", "zernike", "zernike/36/1", "/36", ""])
def test_what_is_no_variant_is_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(StudyError, match=r"figures\.compare is '.*'; allowed: zernike/36, uncomp"):
        Variant.parse(text, KNOWN, "figures.compare")


def test_the_nearest_is_offered() -> None:
    with pytest.raises(StudyError, match=r"did you mean 'zernike/36'\?"):
        Variant.parse("zernike/3", KNOWN)


def test_without_a_list_the_form_is_told() -> None:
    with pytest.raises(StudyError, match="the variant is 'zernike'; allowed: sweep/size"):
        Variant.parse("zernike")
