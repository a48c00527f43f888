"""What a meta-learner is compared with: simple ways to learn one function from the same examples."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

__all__ = ["baselines"]

RIDGE = 1e-3  # penalty of ridge regression on raw inputs
MLP_AT = (1, 2, 5, 10, 20, 30)  # numbers of examples that perceptrons are trained from
MLP_FUNCTIONS, MLP_UNITS, MLP_STEPS, MLP_RATE = 100, 32, 400, 0.02


def baselines(x: np.ndarray, y: np.ndarray, classes: int) -> dict[str, np.ndarray]:
    """Return what baselines say of each input after the examples before it, by name.

    Args:
        x: inputs, [T, B, I].
        y: targets, [T, B, O], or classes [T, B].
        classes: how many, or 0.

    Returns:
        Arrays as y; NaN where a baseline was not tried.
    """
    if classes:
        return {"last value": last_value(y), "nearest neighbour": nearest_neighbour(x, y)}
    return {
        "last value": last_value(y),
        "ridge regression": ridge(x, y),
        "ridge, with squares": ridge(with_squares(x), y),
        "perceptron, Adam": perceptrons(x, y),
    }


def last_value(y: np.ndarray) -> np.ndarray:
    """Return the target of the example before; at first the mean of all, or class 0."""
    first = np.zeros_like(y[:1]) if y.ndim == 2 else np.broadcast_to(y.mean((0, 1)), y[:1].shape)
    return np.concatenate([first, y[:-1]])


def nearest_neighbour(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the class of the nearest input before, by Euclidean distance; at first class 0."""
    said = np.zeros_like(y)
    for t in range(1, len(x)):
        nearest = np.square(x[:t] - x[t]).sum(2).argmin(0)
        said[t] = y[nearest, np.arange(y.shape[1])]
    return said


def with_squares(x: np.ndarray) -> np.ndarray:
    """Return inputs [..., I] with their squares and the products of any two."""
    rows, columns = np.triu_indices(x.shape[-1])
    return np.concatenate([x, x[..., rows] * x[..., columns]], -1)


def ridge(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return what ridge regression with an intercept says of each input after the examples before it."""
    features = np.concatenate([x, np.ones_like(x[..., :1])], -1)
    size = features.shape[-1]
    squares = np.broadcast_to(RIDGE * np.eye(size), (x.shape[1], size, size)).copy()
    products, said = np.zeros((x.shape[1], size, y.shape[2])), np.empty_like(y)
    for t, (row, target) in enumerate(zip(features, y, strict=True)):
        said[t] = np.einsum("bi,bio->bo", row, np.linalg.solve(squares, products))
        squares += row[:, :, None] * row[:, None, :]
        products += row[:, :, None] * target[:, None, :]
    return said


def perceptrons(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return what a perceptron says, trained by Adam anew on the examples before, at `MLP_AT` of the first functions.

    One hidden layer of tanh units; inputs and targets in deviations of all.
    """
    count = min(MLP_FUNCTIONS, x.shape[1])
    given = torch.from_numpy(x[:, :count].swapaxes(0, 1).copy()).float()
    scale, mean = y.std((0, 1)), y.mean((0, 1))
    scale = np.where(scale > 0, scale, 1.0)
    targets = torch.from_numpy(((y[:, :count] - mean) / scale).swapaxes(0, 1).copy()).float()
    said = np.full_like(y, np.nan)
    for t in (t for t in MLP_AT if t < len(x)):
        learned = _perceptron(given[:, :t], targets[:, :t])
        answer = learned(given[:, t : t + 1]).detach()[:, 0].double().numpy()
        said[t] = np.nan
        said[t, :count] = answer * scale + mean
    return said


def _perceptron(x: torch.Tensor, y: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return one perceptron for each row of x [B, N, I] and y [B, N, O], trained."""
    random = torch.Generator().manual_seed(0)

    def drawn(inputs: int, outputs: int) -> torch.Tensor:
        values = torch.randn(len(x), inputs + 1, outputs, generator=random) / (inputs + 1) ** 0.5
        return values.requires_grad_()

    weights = [drawn(x.shape[2], MLP_UNITS), drawn(MLP_UNITS, y.shape[2])]

    def said(x: torch.Tensor) -> torch.Tensor:
        hidden = torch.tanh(torch.baddbmm(weights[0][:, -1:], x, weights[0][:, :-1]))
        return torch.baddbmm(weights[1][:, -1:], hidden, weights[1][:, :-1])

    optimizer = torch.optim.Adam(weights, lr=MLP_RATE)
    for _ in range(MLP_STEPS):
        optimizer.zero_grad()
        (said(x) - y).square().mean((1, 2)).sum().backward()
        optimizer.step()
    return said
