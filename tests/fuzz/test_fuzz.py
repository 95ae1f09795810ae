"""Some mutations of each kind: the same ones here, others every day in CI."""

import datetime
import os
import signal
import time
from pathlib import Path

import pytest

from ptychobasis.core.errors import StudyError

from .cases import KINDS, case
from .workers import MOST_BYTES, Outcome, watched

pytestmark = pytest.mark.slow
IN_CI = os.environ.get("CI") or os.environ.get("PTYCHOBASIS_NOTHING_SKIPPED")
SEED = datetime.datetime.now(tz=datetime.UTC).toordinal() if IN_CI else 1


@pytest.mark.parametrize("name", KINDS)
def test_read_rightly_or_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    for number in range(2 * KINDS[name].share):
        found = case(name, number, SEED, tmp_path)
        assert found.kind in ("accepted", "refused"), (
            f"python -m tests.fuzz --only '{name}' --seed {SEED}, number {number}: {found}"
        )


def test_sound_inputs_are_accepted(tmp_path: Path) -> None:
    for name, kind in KINDS.items():
        if kind.sound:
            assert case(name, 0, SEED, tmp_path) == Outcome("accepted")


def test_what_goes_wrong_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(error: BaseException) -> str:
        raise error

    def sleep() -> str:
        time.sleep(30)
        return ""

    def abort() -> str:
        os.kill(os.getpid(), signal.SIGKILL)
        return ""

    assert watched(lambda: fail(StudyError("a.h5: is empty"))) == ("refused", "a.h5: is empty")
    assert watched(lambda: fail(ValueError("7"))).text.endswith("ValueError: 7\n")
    assert watched(lambda: "0.3 apart") == ("wrong", "0.3 apart")
    assert watched(abort) == ("crash", "ended by SIGKILL")
    assert watched(lambda: str(len(bytearray(2 * MOST_BYTES)))).text.endswith("MemoryError\n")
    monkeypatch.setattr("fuzz.workers.MOST_SECONDS", 1)
    assert watched(sleep).kind == "hang"
