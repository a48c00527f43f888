"""Clipping and the optimizers against their formulas, in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from keepgate.training import Settings
from keepgate.training.optimizer import clip, make_optimizer


def parameters() -> list[nn.Parameter]:
    random = np.random.default_rng(0)
    made = [nn.Parameter(torch.from_numpy(random.normal(size=shape))) for shape in [(3, 4), (5,), ()]]
    for one in made[:2]:  # the last has no gradient
        one.grad = torch.from_numpy(random.normal(size=one.shape))
    return made


def gradients(made: list[nn.Parameter]) -> np.ndarray:
    return np.concatenate([one.grad.numpy().ravel() for one in made if one.grad is not None])


@pytest.mark.parametrize("largest", [None, 0.5, 1e-3, 100.0])
def test_clipping_scales_all_gradients_by_their_common_norm(largest: float | None):
    made = parameters()
    before = gradients(made)
    norm = np.sqrt((before**2).sum())
    assert clip(made, largest) == pytest.approx(norm, rel=1e-12)
    scale = min(1.0, largest / norm) if largest else 1.0
    np.testing.assert_allclose(gradients(made), before * scale, rtol=1e-5)  # torch adds 1e-6 to the norm
    if scale == 1.0:
        assert (gradients(made) == before).all()


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_a_gradient_that_is_not_finite_is_told_and_left(bad: float):
    made = parameters()
    assert made[0].grad is not None
    made[0].grad[0, 0] = bad
    before = gradients(made)
    assert not np.isfinite(clip(made, 1.0))
    np.testing.assert_array_equal(gradients(made), before)


def adam(w: np.ndarray, grads: list[np.ndarray], rate: float, l2: float, decoupled: float) -> np.ndarray:
    """Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019, algorithm 2."""
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t, g in enumerate(grads, 1):
        g = g + l2 * w
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        step = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        w = w - rate * (step + decoupled * w)
    return w


def sgd(w: np.ndarray, grads: list[np.ndarray], rate: float, l2: float, momentum: float) -> np.ndarray:
    """Polyak 1964, in the form of Sutskever et al. 2013 without Nesterov's term."""
    u = np.zeros_like(w)
    for g in grads:
        u = momentum * u + g + l2 * w
        w = w - rate * u
    return w


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_the_optimizers_follow_their_papers(name: str):
    random = np.random.default_rng(1)
    start, grads = random.normal(size=7), list(random.normal(size=(9, 7)))
    w = nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = make_optimizer([w], Settings(optimizer=name, learning_rate=0.05, weight_decay=0.1, momentum=0.8))
    for g in grads:
        w.grad = torch.from_numpy(g)
        optimizer.step()
    expected = {
        "adam": lambda: adam(start, grads, 0.05, l2=0.1, decoupled=0.0),
        "adamw": lambda: adam(start, grads, 0.05, l2=0.0, decoupled=0.1),
        "sgd": lambda: sgd(start, grads, 0.05, l2=0.1, momentum=0.8),
    }[name]()
    np.testing.assert_allclose(w.detach().numpy(), expected, rtol=1e-10)
