"""FSC with the truth that several methods reach at equal wall time, on the demo's data.

All minimise the same loss with the same engine on the same grids, from the same start, with
phases kept at or above zero, without total variation, and one thread. A method gets as many epochs
as fit into the budget; where it has a schedule, half a cosine over these.

- `momentum`: gradient descent with Nesterov's momentum, the default of this study; its step is that
  of config/demo.yaml (0.4 rad) times `step`.
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
from ptychobasis.forward.multislice import Slope
from ptychobasis.reconstruction.descent import run_epoch, start_state
from ptychobasis.reconstruction.objective import Problem, prepare
from ptychobasis.reconstruction.settings import ReconstructionConfig

TABLES = ("convergence",)
BUDGETS = (2.0, 5.0, 12.0)  # [s]
CPU = torch.device("cpu")


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
    name = variant.partition("/")[0]
    data = compressed("demo", variant)
    settings = study("demo").recon(name).model_copy(update={"device": "cpu", "batch": batch or 32})
    keys = {"step_rad": settings.step_rad * step, "total_variation": 0.0}
    settings = settings.model_copy(update=keys)
    problem = prepare(data, settings, CPU)
    rows = []
    for budget in BUDGETS:
        epochs, phase = METHODS[method](problem, settings, step, budget)
        result = as_result("demo", data, settings, phase, problem.model.windows)
        fsc = fsc_with_truth("demo", result)
        rows.append(
            {"data": variant, "method": method, "batch": batch or len(data.positions),
             "step": step, "budget_s": budget, "epochs": epochs, "fsc_truth": fsc}
        )  # fmt: skip
    return rows


def _epochs_within(budget: float, epoch: Callable[[], Any]) -> int:
    """How many epochs fit, judged from the median of three."""
    times = []
    for _ in range(4):
        began = time.perf_counter()
        epoch()
        times.append(time.perf_counter() - began)
    return max(1, round(budget / float(np.median(times[1:]))))


def _momentum(
    problem: Problem, settings: ReconstructionConfig, step: float, budget: float
) -> tuple[int, torch.Tensor]:
    trial = start_state(problem, settings, 0)
    epochs = _epochs_within(budget, lambda: run_epoch(trial, problem, settings))
    settings = settings.model_copy(update={"epochs": epochs})
    state = start_state(problem, settings, 0)
    for _ in range(epochs):
        state.losses.append(run_epoch(state, problem, settings))
    return epochs, state.phase


def _illumination(
    problem: Problem, settings: ReconstructionConfig, step: float, budget: float
) -> tuple[int, torch.Tensor]:
    """Weigh the gradient by the inverse of the probes' intensity, with a floor of a tenth."""
    windows = problem.model.windows
    probe = np.fft.fftshift(np.abs(np.fft.ifft2(problem.spectrum().numpy())) ** 2)
    total = np.zeros(windows.shape)
    height, width = windows.grid.shape
    for y, x in windows.starts:
        total[y : y + height, x : x + width] += probe
    weight = torch.as_tensor(1.1 / (total / total.max() + 0.1)).float()

    class Weighted:
        def __getattr__(self, name: str) -> Any:
            return getattr(problem.model, name)

        def loss_and_gradient(self, *arguments: Any) -> Slope:
            slope = problem.model.loss_and_gradient(*arguments)
            return slope._replace(phase=slope.phase * weight)

    weighted: Any = Weighted()
    changed = replace(problem, model=weighted)
    return _momentum(changed, settings, step, budget)


def _adam(
    problem: Problem, settings: ReconstructionConfig, step: float, budget: float
) -> tuple[int, torch.Tensor]:
    def state_of(settings: ReconstructionConfig) -> Any:
        state: Any = start_state(problem, settings, 0)
        groups = [{"params": [state.phase]}, {"params": [torch.zeros(1)]}]  # of no probe
        adam = torch.optim.Adam(groups, lr=step, eps=1e-12, fused=True)
        state.optimiser, state.scale, state.start = adam, step, 1.0
        return state

    trial = state_of(settings)
    epochs = _epochs_within(budget, lambda: run_epoch(trial, problem, settings))
    settings = settings.model_copy(update={"epochs": epochs})
    state = state_of(settings)
    for _ in range(epochs):
        state.losses.append(run_epoch(state, problem, settings))
    return epochs, state.phase


def _lbfgs(
    problem: Problem, settings: ReconstructionConfig, step: float, budget: float
) -> tuple[int, torch.Tensor]:
    phase = start_state(problem, settings, 0).phase
    batch, spectrum = np.arange(len(problem.model.windows.starts)), problem.spectrum()
    optimiser = torch.optim.LBFGS(
        [phase], lr=step, max_iter=1, history_size=10, line_search_fn="strong_wolfe"
    )
    calls, began = 0, time.perf_counter()

    def closure() -> torch.Tensor:
        nonlocal calls
        calls += 1
        value, phase.grad, _ = problem.model.loss_and_gradient(
            phase.detach(), spectrum, batch, problem.loss
        )
        return torch.tensor(value)

    while time.perf_counter() - began < budget:
        optimiser.step(closure)
    return calls, phase


METHODS = {"momentum": _momentum, "illumination": _illumination, "adam": _adam, "lbfgs": _lbfgs}
