"""The blocks of `keepgate.networks` in NumPy, in inference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from keepgate import networks as blocks
from keepgate.errors import InputError
from keepgate.native import objectives as core
from keepgate.native import threads
from keepgate.networks import Block
from keepgate.runtime.recurrent import layers, reversed_within

__all__ = ["FUNCTIONS", "At", "distribution", "restore", "window_norm"]


class At(NamedTuple):
    """The context of a function: its block, its tensors by name, a tied weight, and the floating-point dtype."""

    block: Any
    tensors: Mapping[str, np.ndarray]
    tied: np.ndarray | None
    dtype: np.dtype


def inside(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return whether each step of x [B, T, ...] is within its row's length, [B, T, 1]."""
    return (np.arange(x.shape[1]) < lengths[:, None])[..., None]


def same(at: At, x: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Return x: what acts in training only."""
    return x


def log_softmax(x: np.ndarray) -> np.ndarray:
    """Return logarithms of the softmax along the last axis."""
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + exp(-x)), by a tanh, which does not overflow."""
    return (0.5 * np.tanh(0.5 * x) + 0.5).astype(x.dtype)


def relu(x: np.ndarray) -> np.ndarray:
    """Return x where it is positive, else 0."""
    return np.maximum(x, x.dtype.type(0))


def _softmax(x: np.ndarray) -> np.ndarray:
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def _standardize(at: At, x: np.ndarray) -> np.ndarray:
    mean, scale = at.tensors["mean"], at.tensors["scale"]
    return x * scale + mean if at.block.restore else ((x - mean) / scale).astype(at.dtype)


def _embedding(at: At, symbols: np.ndarray) -> np.ndarray:
    if symbols.size and not 0 <= symbols.min() <= symbols.max() < at.block.count:
        raise InputError(f"symbols are numbers from 0 to {at.block.count - 1}; got {symbols.min()} to {symbols.max()}")
    vectors = at.tensors["weight"][symbols]
    return vectors if at.block.scale == 1 else vectors * at.dtype.type(at.block.scale)


def _linear(at: At, x: np.ndarray) -> np.ndarray:
    weight = at.tensors["weight"] if at.tied is None else at.tied
    return x @ weight.T + at.tensors["bias"] if at.block.bias else x @ weight.T


def _recurrent(at: At, x: np.ndarray, lengths: Any = None, *states: Any) -> tuple[np.ndarray, ...]:
    return layers(at.block, at.tensors, x, lengths, states)


def _attention(at: At, query: np.ndarray, memory: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, ...]:
    scores = query @ at.tensors["query.weight"].T @ memory.swapaxes(1, 2)
    weights = _softmax(np.where(inside(memory, lengths).swapaxes(1, 2), scores, -np.inf))
    return weights @ memory, weights


def _average(at: At, *values: np.ndarray) -> np.ndarray:
    if not at.block.probabilities:
        return np.stack(values).mean(0) * at.tensors["scale"]
    scores = np.stack([log_softmax(value) for value in values])
    greatest = scores.max(0)
    return (np.log(np.exp(scores - greatest).mean(0)) + greatest) * at.tensors["scale"]


def _adaptive_softmax(at: At, x: np.ndarray) -> np.ndarray:
    first = at.block.cutoffs[0]
    head = log_softmax(x @ at.tensors["head.weight"].T)
    parts = [head[..., :first]]
    for k in range(len(at.block.cutoffs)):
        inner, outer = (at.tensors[f"tail.{k}.{n}.weight"] for n in (0, 1))
        parts.append(log_softmax(x @ inner.T @ outer.T) + head[..., first + k, None])
    return np.concatenate(parts, -1)[..., np.array(at.block.ranks)]


def _crf(at: At, emissions: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Run the core, which has time before the batch."""
    x = np.ascontiguousarray(emissions.swapaxes(0, 1))
    if lengths.shape != x.shape[1:2] or (lengths < 0).any() or (lengths > len(x)).any():
        raise ValueError(f"lengths {lengths.tolist()} of {x.shape[1]} rows of {len(x)} steps")
    weights = [np.ascontiguousarray(at.tensors[name], x.dtype) for name in ("transitions", "start", "end")]
    steps, marginals = lengths.astype(np.int32), np.empty_like(x)
    path, best = np.empty(x.shape[:2], np.int32), np.empty(x.shape[1], x.dtype)
    inputs = [array.ctypes.data for array in (x, *weights, steps)]
    for results in ((None, marginals, None, None, None), (None, None, None, path, best)):
        outputs = [0 if array is None else array.ctypes.data for array in results]
        core.crf(x.dtype == np.float64, x.shape, [*inputs, *outputs], threads())
    return path.swapaxes(0, 1).astype(np.int64), marginals.swapaxes(0, 1)


def _centre(at: At, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return x - np.where(inside(x, lengths), x, 0.0).sum(1, keepdims=True) / lengths[:, None, None]


def _stack(at: At, x: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count, (batch, steps, width) = at.block.count, x.shape
    x = np.where(inside(x, lengths), x, x.dtype.type(0))
    x = np.pad(x, ((0, 0), (0, -steps % count), (0, 0)))
    return x.reshape(batch, -(-steps // count), count * width), (lengths + count - 1) // count


def _convolution(at: At, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    weight, steps = at.tensors["weight"], x.shape[1]
    x = np.pad(np.where(inside(x, lengths), x, x.dtype.type(0)), ((0, 0), at.block.padding, (0, 0)))
    return sum(x[:, k : k + steps] @ weight[:, :, k].T for k in range(at.block.kernel))  # pyright: ignore[reportReturnType]


def _batch_norm(at: At, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    mean, variance, weight, bias = (at.tensors[name] for name in ("mean", "variance", "weight", "bias"))
    return (x - mean) / np.sqrt(variance + at.dtype.type(at.block.EPSILON)) * weight + bias


def _lookup(at: At, table: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    return table[numbers] if table.ndim == 2 else np.take_along_axis(table, numbers[..., None], axis=1)


def _max_pool(at: At, x: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    count, (batch, steps, width) = at.block.count, x.shape
    least = x.dtype.type(-np.inf)
    x = np.pad(np.where(inside(x, lengths), x, least), ((0, 0), (0, -steps % count), (0, 0)), constant_values=least)
    x, lengths = x.reshape(batch, -(-steps // count), count, width).max(2), (lengths + count - 1) // count
    return np.where(inside(x, lengths), x, x.dtype.type(0)), lengths


def _patches(at: At, x: np.ndarray) -> np.ndarray:
    count, (batch, steps, width) = at.block.count, x.shape
    return x[:, steps % count :].reshape(batch, steps // count, count * width)


def _pool(at: At, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    within = inside(x, lengths)
    if at.block.of == "mean":
        return np.where(within, x, x.dtype.type(0)).sum(1) / lengths[:, None].astype(x.dtype)
    return np.where(within, x, x.dtype.type(-np.inf)).max(1)


def _last(at: At, state: np.ndarray) -> np.ndarray:
    return state[:, -at.block.rows :].reshape(len(state), at.block.rows * state.shape[2])


def _repeat(at: At, x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    return np.repeat(x[:, None], lengths.max(initial=0), axis=1)


def window_norm(x: np.ndarray, spread: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return windows [B, L, C] as (x - mean) / spread, and each window's mean and standard deviation [B, 1, C].

    So a forecast follows its series in level and scale, of which it may have seen none like it (reversible instance
    normalization, Kim et al. 2022, without its affine map). A constant window becomes zeros, its spread is zero. A
    spread [B, 1, C] that is given is taken instead.
    """
    mean = x.mean(axis=1, keepdims=True)
    if spread is None:
        spread = np.where(np.ptp(x, axis=1, keepdims=True) > 0, x.std(axis=1, keepdims=True), 0.0)
    return (x - mean) / np.where(spread > 0, spread, 1.0), mean, spread


def _window_norm(at: At, x: np.ndarray, *given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    z, mean, spread = window_norm(x, *given)
    return z.astype(at.dtype), mean, spread


def restore(x: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return forecasts [B, H, 1 + Q] in the units of a window's first channel, float64; quantiles ascend."""
    ordered = np.concatenate([x[..., :1], np.sort(x[..., 1:], -1)], -1).astype(np.float64)
    return ordered * spread[..., :1] + mean[..., :1]


def distribution(family: str, x: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Return the parameters of a distribution; see `keepgate.networks.Distribution`."""
    x, mean, spread = x.astype(np.float64), mean[..., :1], spread[..., :1]
    at = x[..., :1] * spread + mean
    if family == "student-t":
        return np.concatenate([at, np.exp(x[..., 1:2]) * spread, 2 + 48 * sigmoid(x[..., 2:])], -1)
    bend = (1 + np.abs(mean)) / 10
    return np.concatenate([bend * np.logaddexp(at / bend, 0.0), np.exp(x[..., 1:])], -1) + 1e-6


FUNCTIONS: dict[type[Block], Callable[..., Any]] = {  # from `At` and the sources to the result, or a tuple of them
    blocks.Activation: lambda at, x: {"tanh": np.tanh, "sigmoid": sigmoid, "relu": relu}[at.block.function](x),
    blocks.AdaptiveSoftmax: _adaptive_softmax,
    blocks.Add: lambda at, x, y: x + y,
    blocks.Attention: _attention,
    blocks.Average: _average,
    blocks.BatchNorm: _batch_norm,
    blocks.Centre: _centre,
    blocks.Concat: lambda at, *values: np.concatenate(values, -1),
    blocks.Convolution: _convolution,
    blocks.Crf: _crf,
    blocks.Distribution: lambda at, *sources: distribution(at.block.family, *sources),
    blocks.Dropout: same,
    blocks.Embedding: _embedding,
    blocks.Last: _last,
    blocks.Linear: _linear,
    blocks.Lookup: _lookup,
    blocks.MaxPool: _max_pool,
    blocks.Noise: same,
    blocks.Patches: _patches,
    blocks.Pool: _pool,
    blocks.Recurrent: _recurrent,
    blocks.Repeat: _repeat,
    blocks.Reshape: lambda at, x: x.reshape(*x.shape[:-1], *at.block.sizes),
    blocks.Restore: lambda at, x, mean, spread: restore(x, mean, spread),
    blocks.Reverse: lambda at, x, lengths: reversed_within(x.swapaxes(0, 1), lengths).swapaxes(0, 1),
    blocks.Scale: lambda at, x: x * at.dtype.type(at.block.factor),
    blocks.Select: lambda at, x: x[..., at.block.index],
    blocks.Softmax: lambda at, x: log_softmax(x) if at.block.log else _softmax(x),
    blocks.Stack: _stack,
    blocks.Standardize: _standardize,
    blocks.SymbolDropout: same,
    blocks.WindowNorm: _window_norm,
}
