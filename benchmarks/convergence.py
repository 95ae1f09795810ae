"""FSC with the truth that several methods reach at equal wall time, on the demo's data.

All minimise the same loss with the same engine on the same grids, from the same start, with
phases kept at or above zero, a known probe, without any penalty, and one thread. A method gets as
many epochs as fit into the budget; where it has a schedule, that of the study over these.

- `momentum`: gradient descent with Nesterov's momentum, the default of this study; its step is
  `step_rad` times `step`.
- `illumination`: the same, each pixel's gradient divided by the intensity that the probes put there
  (curvature from probe intensity, as in LSQ-ML; Odstrcil, Menzel and Guizar-Sicairos, Opt.
  Express 26 (2018) 3108).
- `adam`: Adam; `step` is its first step [rad].
- `lbfgs`: L-BFGS on all positions, strong Wolfe line search, ten pairs, on a phase that may be
  negative.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.data import as_result, compressed, fsc_with_truth, study
from ptychobasis.core.variant import Variant
from ptychobasis.forward.multislice import Gradients
from ptychobasis.reconstruction.counting import illumination
from ptychobasis.reconstruction.descent import Descent, State
from ptychobasis.reconstruction.objective import prepare
from ptychobasis.reconstruction.schedule import decay

TABLES = ("convergence",)
BUDGETS = (2.0, 5.0, 12.0)  # [s]
CPU = torch.device("cpu")
# nothing but the data and positivity
ALONE = {
    "probe": "known", "smoothness_along_beam": 0.0, "strength_along_beam": 0.0,
    "total_variation": 0.0,
}  # fmt: skip


def run() -> dict[str, list[dict[str, Any]]]:
    """Give each method the same seconds."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rows = []
        for variant in ("zernike/36", "uncompressed/all"):
            for batch, step in ((16, 0.5), (32, 1.0), (32, 0.5), (64, 2.0)):
                rows += _rows(variant, "momentum", batch, step)
            rows += _rows(variant, "illumination", 32, 1.0)
            for batch, step in ((16, 0.1), (32, 0.1), (32, 0.05), (64, 0.2)):
                rows += _rows(variant, "adam", batch, step)
            rows += _rows(variant, "lbfgs", 0, 1.0)
        return {"convergence": rows}
    finally:
        torch.set_num_threads(threads)


def _rows(variant: str, method: str, batch: int, step: float) -> list[dict[str, Any]]:
    name = Variant.parse(variant).sweep
    data = compressed("demo", variant)
    settings = study("demo").recon(name).model_copy(update={"device": "cpu", "batch": batch or 32})
    settings = settings.model_copy(update={"step_rad": settings.step_rad * step, **ALONE})
    descent = Descent(prepare(data, settings, CPU), settings)
    rows = []
    for budget in BUDGETS:
        epochs, phase = METHODS[method](descent, step, budget)
        result = as_result("demo", data, settings, phase, descent.objective.forward.layout)
        fsc = fsc_with_truth("demo", result)
        rows.append(
            {"data": variant, "method": method, "batch": batch or len(data.positions),
             "step": step, "budget_s": budget, "epochs": epochs, "fsc_truth": fsc}
        )  # fmt: skip
    return rows


def _descend(
    descent: Descent, budget: float, start: Callable[[Descent], State]
) -> tuple[int, torch.Tensor]:
    """Do as many epochs as fit, judged from the median of three."""
    trial, times = start(descent), []
    for _ in range(4):
        began = time.perf_counter()
        descent.epoch(trial)
        times.append(time.perf_counter() - began)
    epochs = max(1, round(budget / float(np.median(times[1:]))))
    settings = descent.settings.model_copy(update={"epochs": epochs})
    scheduled = replace(descent, settings=settings)
    state = start(scheduled)
    for _ in range(epochs):
        scheduled.epoch(state)
    return epochs, state.phase


def _momentum(descent: Descent, step: float, budget: float) -> tuple[int, torch.Tensor]:
    return _descend(descent, budget, lambda each: each.start(0))


def _illumination(descent: Descent, step: float, budget: float) -> tuple[int, torch.Tensor]:
    """Weigh the gradient by the inverse of the probes' intensity, with a floor of a tenth."""
    objective, forward = descent.objective, descent.objective.forward
    dose = illumination(forward.layout, objective.spectrum().numpy())[0]
    weight = torch.as_tensor(1.1 / (dose / dose.max() + 0.1)).float()

    class Weighted:
        def __getattr__(self, name: str) -> Any:
            return getattr(forward, name)

        def loss_and_gradient(self, *arguments: Any) -> Gradients:
            found = forward.loss_and_gradient(*arguments)
            return found._replace(phase=found.phase * weight)

    weighted: Any = Weighted()
    changed = replace(descent, objective=replace(objective, forward=weighted))
    return _momentum(changed, step, budget)


class _Adam:
    """Adam in place of momentum, with a length of its own and the study's schedule."""

    def __init__(self, state: State, first: float, epochs: int) -> None:
        self._adam = torch.optim.Adam([state.phase], eps=1e-12, fused=True)
        self._state, self._first, self._epochs = state, first, epochs

    def step(self, values: torch.Tensor, gradient: torch.Tensor, length: float) -> None:
        values.grad = gradient
        now = decay(len(self._state.losses) / self._epochs)
        self._adam.param_groups[0]["lr"] = self._first * now
        self._adam.step()


def _adam(descent: Descent, step: float, budget: float) -> tuple[int, torch.Tensor]:
    def start(each: Descent) -> State:
        state: Any = each.start(0)
        state.momentum = _Adam(state, step, each.settings.epochs)
        return state

    return _descend(descent, budget, start)


def _lbfgs(descent: Descent, step: float, budget: float) -> tuple[int, torch.Tensor]:
    objective, phase = descent.objective, descent.start(0).phase
    batch, spectrum = np.arange(len(objective.forward.layout)), objective.spectrum()
    optimiser = torch.optim.LBFGS(
        [phase], lr=step, max_iter=1, history_size=10, line_search_fn="strong_wolfe"
    )
    calls, began = 0, time.perf_counter()

    def closure() -> torch.Tensor:
        nonlocal calls
        calls += 1
        value, phase.grad, _ = objective.gradients(phase.detach(), spectrum, batch, probe=False)
        return torch.tensor(value)

    while time.perf_counter() - began < budget:
        optimiser.step(closure)
    return calls, phase


METHODS = {"momentum": _momentum, "illumination": _illumination, "adam": _adam, "lbfgs": _lbfgs}
