"""Gradient descent with Nesterov's momentum.

With the gradient g, the momentum β and a step of length t,

    v ← β v + g,    x ← x - t (g + β v),

beginning with v = 0 (Sutskever et al., ICML 2013, in the form of torch.optim.SGD, whose bits it
gives). That optimiser is not used, for making it imports torch's compiler, which takes a second.
"""

from dataclasses import dataclass

import torch

MOMENTUM = 0.9


@dataclass
class Nesterov:
    """Momentum of one array.

    Attributes:
        velocity: Sum v of the decaying gradients; None before the first step.
    """

    velocity: torch.Tensor | None = None

    def step(self, values: torch.Tensor, gradient: torch.Tensor, length: float) -> None:
        """Change an array.

        Args:
            values: Array x, changed in place.
            gradient: Gradient g of the same shape.
            length: Step t.
        """
        if self.velocity is None:
            self.velocity = gradient.clone()
        else:
            self.velocity.mul_(MOMENTUM).add_(gradient)
        values.add_(gradient.add(self.velocity, alpha=MOMENTUM), alpha=-length)
