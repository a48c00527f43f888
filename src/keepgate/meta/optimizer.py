"""`LearnedOptimizer`: an optimiser of torch whose updates an `UpdateRule` writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from keepgate.errors import InputError
from keepgate.meta.update_rule import UpdateRule

__all__ = ["LearnedOptimizer"]


class LearnedOptimizer(torch.optim.Optimizer):
    """Updates parameters as a recurrent network says that has learned to optimise (Andrychowicz et al. 2016).

    Each number of each parameter has states of its own; they are the optimiser's `state`, and so in its `state_dict`.

    >>> import torch
    >>> from keepgate.meta import UpdateRule, LearnedOptimizer
    >>> from keepgate.meta.problems import quadratics
    >>> rule = UpdateRule(hidden_size=4, epochs=1, problems=4, steps=8, window=4).fit(quadratics(3))
    >>> model = torch.nn.Linear(5, 2)
    >>> optimizer = LearnedOptimizer(model.parameters(), rule)
    >>> model(torch.ones(1, 5)).square().sum().backward()
    >>> optimizer.step()

    Args:
        params: tensors to optimise, or groups of them, as of every optimiser of torch.
        rule: fitted.

    Raises:
        InputError: the rule is not fitted.
    """

    def __init__(self, params: Iterable[Any], rule: UpdateRule) -> None:
        rule.check_fitted()
        super().__init__(params, {})
        self.rule = rule

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update all parameters that have a gradient, and return what the closure does, if there is one.

        Raises:
            InputError: a gradient is not finite.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        network = self.rule.network_
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                gradient = parameter.grad.to(network.dtype)
                if not bool(torch.isfinite(gradient).all()):
                    raise InputError(f"the gradient of a parameter of shape {list(parameter.shape)} is not finite")
                states = self.state[parameter]
                update, ended = network.updates(gradient.reshape(1, -1), tuple(states.values()) or None)
                states.update(zip(self.rule.equations_.states, ended, strict=True))
                parameter.add_(update.reshape(parameter.shape).to(parameter.dtype))
        return loss
