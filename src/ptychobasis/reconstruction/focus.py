"""The search of the focus: the defocus at which a few epochs explain the data best."""

import logging
from collections.abc import Callable

from scipy.optimize import minimize_scalar

from ptychobasis.reconstruction.descent import run_epoch, start_state
from ptychobasis.reconstruction.objective import Problem
from ptychobasis.reconstruction.settings import ReconstructionConfig

log = logging.getLogger(__name__)

_FOCUS_EPOCHS = 10  # of each trial of a defocus
_TOLERANCE = 0.5  # [Å], of a defocus
_MOST_TRIALS = 15


def focus(problem: Problem, settings: ReconstructionConfig, seed: int) -> float | None:
    """The defocus that `focus_search_angstrom` finds [Å]; None where none is looked for."""
    if not settings.focus_search_angstrom:
        return None
    trial = settings.model_copy(update={"epochs": _FOCUS_EPOCHS, "probe": "known"})

    def misfit(defocus: float) -> float:
        state = start_state(problem, trial, seed, defocus)
        while len(state.losses) < _FOCUS_EPOCHS:
            state.losses.append(run_epoch(state, problem, trial))
        return state.losses[-1]

    return find_defocus(misfit, problem.optics.defocus, settings.focus_search_angstrom)


def find_defocus(misfit: Callable[[float], float], start: float, reach: float) -> float:
    """The defocus [Å] at which a few epochs explain the data best, by a bounded search.

    Steps along a gradient end too early: a multislice object moves along the beam with a wrong
    focus, which the data hardly forbid, so that the misfit of an object that has had time to
    adapt is flat. That of an object which starts from nothing at every trial is not.

    Args:
        misfit: loss at a defocus [Å], of an object that started from nothing.
        start: where to look [Å].
        reach: how far around it [Å].
    """

    def logged(defocus: float) -> float:
        value = misfit(defocus)
        log.info("defocus %.2f Å: loss %.5g", defocus, value)
        return value

    found = minimize_scalar(
        logged,
        bounds=(start - reach, start + reach),
        method="bounded",
        options={"xatol": _TOLERANCE, "maxiter": _MOST_TRIALS},
    )
    return float(found.x)
