"""The search of the focus: the defocus at which a few epochs explain the data best."""

import logging
from collections.abc import Callable

from ptychobasis.reconstruction.descent import Descent

log = logging.getLogger(__name__)

_TRIAL = {"epochs": 20, "probe": "known"}  # settings of each trial of a defocus
_TOLERANCE = 0.5  # [Å], of a defocus
_MOST_TRIALS = 15


def find_focus(descent: Descent, seed: int) -> float | None:
    """The defocus [Å] that `focus_search_angstrom` asks for; None where it asks for none.

    Args:
        descent: Reconstruction that is to start with this defocus.
        seed: Seed of the start of each trial.
    """
    reach = descent.settings.focus_search_angstrom
    if not reach:
        return None
    trial = Descent(descent.objective, descent.settings.model_copy(update=_TRIAL))

    def misfit(defocus: float) -> float:
        state = trial.start(seed, defocus)
        for _ in range(trial.settings.epochs):
            trial.epoch(state)
        return state.losses[-1]

    return find_defocus(misfit, descent.objective.optics.defocus, reach)


def find_defocus(misfit: Callable[[float], float], start: float, reach: float) -> float:
    """The defocus [Å] at which a few epochs explain the data best, by a bounded search.

    Steps along a gradient end too early. With a wrong focus a multislice object moves along the
    beam, which the data hardly forbid. The misfit of an object that has had time to adapt is
    therefore flat. That of an object which starts from nothing at every trial is not.

    Args:
        misfit: Loss at a defocus [Å], of an object that starts from nothing.
        start: Middle of the search [Å].
        reach: Largest distance from the middle [Å].
    """
    # of all reconstructions, only those that search their focus need it
    from scipy.optimize import minimize_scalar  # noqa: PLC0415

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
