"""The blocks of `keepgate.networks` in torch: a module for each that has tensors, and a function for all."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate import networks as blocks
from keepgate.networks import Block
from keepgate.nn.dropout import dropout
from keepgate.nn.recurrent import Recurrent
from keepgate.objectives import LinearChainCRF

__all__ = ["FUNCTIONS", "MODULES", "AdaptiveSoftmax", "At", "BatchNorm", "Standardize", "distribution", "module_of"]


class At(NamedTuple):
    """Where a function is: its block, its module (if it has tensors), a tied weight, training or not, the dtype."""

    block: Any
    module: Any
    tied: Tensor | None
    training: bool
    dtype: torch.dtype


def inside(x: Tensor, lengths: Tensor) -> Tensor:
    """Return whether each step of x [B, T, ...] is within its row's length, [B, T, 1].

    It lies in memory as x does, so that what is masked by it lies so too, and sums over it keep their order.
    """
    steps = torch.arange(x.shape[1], device=x.device)
    if x.stride(0) < x.stride(1):
        return (steps[:, None] < lengths).t()[..., None]
    return (steps < lengths[:, None])[..., None]


# Modules


class Standardize(nn.Module):
    """x [..., C] by each channel's mean and deviation in the training data."""

    mean: Tensor
    scale: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(channels, dtype=torch.float64))

    def fit(self, values: Sequence[np.ndarray]) -> None:
        """Take mean and deviation over all steps of `values`, arrays [T_i, C]; a constant channel keeps its scale."""
        steps = np.concatenate(values)
        varies = steps.max(axis=0) > steps.min(axis=0)
        self.mean.copy_(torch.from_numpy(steps.mean(axis=0)))
        self.scale.copy_(torch.from_numpy(np.where(varies, steps.std(axis=0), 1.0)))

    def forward(self, x: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
        """Return standardized x."""
        return ((x - self.mean) / self.scale).to(dtype)


class SharedDropout(Recurrent):
    """Layers between which dropout has one mask for all steps (Gal & Ghahramani 2016)."""

    def _between(self, x: Tensor) -> Tensor:
        return dropout_along(x, self.dropout, self.training, 0)


class AdaptiveSoftmax(nn.AdaptiveLogSoftmaxWithLoss):
    """torch's adaptive softmax of symbols in any order; `rank` is each one's place by frequency."""

    rank: Tensor

    def __init__(self, block: blocks.AdaptiveSoftmax) -> None:
        super().__init__(block.inputs, len(block.ranks), block.cutoffs, block.shrink)
        rank = torch.from_numpy(np.array(block.ranks))  # no weights: numbers on the device "meta" too
        self.register_buffer("rank", rank, persistent=False)

    def log_probs(self, x: Tensor) -> Tensor:
        """Return logarithms of the probabilities of all symbols, [..., V]."""
        return self.log_prob(x.flatten(0, -2)).unflatten(0, x.shape[:-1])[..., self.rank]

    def loss(self, x: Tensor, symbols: Tensor) -> Tensor:
        """Return the mean negative log-probability of symbols [N] told from x [N, H]."""
        return super().forward(x, self.rank[symbols]).loss


class BatchNorm(nn.Module):
    """Batch normalization over the steps within their rows' lengths."""

    MOMENTUM = 0.1
    mean: Tensor
    variance: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def reset_parameters(self) -> None:
        """Begin with what changes nothing."""
        for tensor, value in ((self.weight, 1.0), (self.bias, 0.0), (self.mean, 0.0), (self.variance, 1.0)):
            nn.init.constant_(tensor, value)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return x [B, T, C] normalized; a batch of one step has no variance and is taken as in inference."""
        whole = bool((lengths == x.shape[1]).all())
        within = None if whole else inside(x, lengths)[..., 0]
        steps = x.flatten(0, 1) if within is None else x[within]
        statistics = (self.mean, self.variance, self.weight, self.bias)
        training = self.training and len(steps) > 1
        steps = F.batch_norm(steps, *statistics, training, self.MOMENTUM, blocks.BatchNorm.EPSILON)
        return steps.view_as(x) if within is None else x.new_zeros(x.shape).masked_scatter(within[..., None], steps)


class _Convolution(nn.Module):
    def __init__(self, block: blocks.Convolution) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(block.outputs, block.inputs, block.kernel))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw as `torch.nn.Conv1d` does."""
        nn.init.kaiming_uniform_(self.weight, math.sqrt(5))


class _Bias(nn.Module):
    """The bias of a product whose matrix is another's; it begins at zero."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(size))

    def reset_parameters(self) -> None:
        """Begin at zero."""
        nn.init.zeros_(self.bias)


class _Average(nn.Module):
    """A factor, which begins at one and is not learned: it calibrates."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1), requires_grad=False)

    def reset_parameters(self) -> None:
        """Begin at one."""
        nn.init.ones_(self.scale)


class _Attention(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(size, size, bias=False)
        self.reset_parameters = self.query.reset_parameters


def _recurrent(block: blocks.Recurrent, backend: str) -> Recurrent:
    return (SharedDropout if block.shared else Recurrent)(
        block.equations,
        block.input_size,
        block.hidden_size,
        block.num_layers,
        bidirectional=block.bidirectional,
        batch_first=not block.time_first,
        state_batch_first=True,
        dropout=block.dropout if block.num_layers > 1 else 0.0,  # lies between layers
        weight_drop=block.weight_drop,
        backend=backend,
    )


def _linear(block: blocks.Linear, backend: str) -> nn.Module:
    return _Bias(block.outputs) if block.tied else nn.Linear(block.inputs, block.outputs, block.bias)


MODULES: dict[type[Block], Callable[[Any, str], nn.Module]] = {  # from a block and the engine of recurrences
    blocks.AdaptiveSoftmax: lambda block, _: AdaptiveSoftmax(block),
    blocks.Attention: lambda block, _: _Attention(block.width),
    blocks.Average: lambda block, _: _Average(),
    blocks.BatchNorm: lambda block, _: BatchNorm(block.width),
    blocks.Convolution: lambda block, _: _Convolution(block),
    blocks.Crf: lambda block, _: LinearChainCRF(block.tags, batch_first=True),
    blocks.Embedding: lambda block, _: nn.Embedding(block.count, block.width, padding_idx=block.padding),
    blocks.Linear: _linear,
    blocks.Recurrent: _recurrent,
    blocks.Standardize: lambda block, _: Standardize(block.width),
}


def module_of(block: Block, backend: str) -> nn.Module:
    """Return a module with the tensors of a block that has some."""
    return MODULES[type(block)](block, backend)


# Functions


def dropout_along(x: Tensor, rate: float, training: bool, axis: int | None) -> Tensor:
    """Return x, while training with a share of it dropped, by one mask along an axis if there is one."""
    if axis is None or not (training and rate):
        return dropout(x, rate, training)
    shape = [1 if i == axis else size for i, size in enumerate(x.shape)]
    return x * ((torch.rand(shape, device=x.device) >= rate) / (1 - rate))


def _standardize(at: At, x: Tensor) -> Tensor:
    return x * at.module.scale + at.module.mean if at.block.restore else at.module(x, at.dtype)


def _embedding(at: At, symbols: Tensor) -> Tensor:
    return at.module(symbols) if at.block.scale == 1 else at.module(symbols) * at.block.scale


def _lookup(at: At, table: Tensor, numbers: Tensor) -> Tensor:
    if table.ndim == 2:
        return F.embedding(numbers, table)
    return table.gather(1, numbers[..., None].expand(-1, -1, table.shape[2]))


def _project(at: At, x: Tensor) -> Tensor:
    return at.module(x) if at.tied is None else F.linear(x, at.tied, at.module.bias if at.block.bias else None)


def _layers(at: At, x: Tensor, lengths: Tensor | None = None, *states: Tensor | None) -> tuple[Tensor, ...]:
    hx: Any = None
    if any(state is not None for state in states):
        shapes = [(x.shape[int(at.block.time_first)], len(at.block.suffixes), w) for w in at.block.widths.values()]
        given = [*states, *[None] * (len(shapes) - len(states))]
        filled = [x.new_zeros(shape) if s is None else s for s, shape in zip(given, shapes, strict=True)]
        hx = tuple(filled) if len(filled) > 1 else filled[0]
    output, final = at.module(x, hx, lengths=lengths)
    return (output, *final) if isinstance(final, tuple) else (output, final)


def _attention(at: At, query: Tensor, memory: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    scores = at.module.query(query) @ memory.transpose(1, 2)
    weights = scores.masked_fill(~inside(memory, lengths).transpose(1, 2), -math.inf).softmax(-1)
    return weights @ memory, weights


def _average(at: At, *values: Tensor) -> Tensor:
    if not at.block.probabilities:
        return torch.stack(values).mean(0) * at.module.scale
    scores = torch.stack([value.log_softmax(-1) for value in values])
    return (scores.logsumexp(0) - math.log(len(values))) * at.module.scale


def _crf(at: At, emissions: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    return at.module.decode(emissions, lengths), at.module.marginals(emissions, lengths)


def _noise(at: At, x: Tensor) -> Tensor:
    return x + at.block.deviation * torch.randn_like(x) if at.training and at.block.deviation else x


def _symbol_dropout(at: At, symbols: Tensor) -> Tensor:
    if not (at.training and at.block.rate):
        return symbols
    forget = (torch.rand(symbols.shape, device=symbols.device) < at.block.rate) & (symbols > 0)
    return symbols.masked_fill(forget, at.block.unknown)


def _centre(at: At, x: Tensor, lengths: Tensor) -> Tensor:
    within = inside(x, lengths)
    return x - (x * within).sum(1, keepdim=True) / within.sum(1)[:, None]


def _reverse(at: At, x: Tensor, lengths: Tensor) -> Tensor:
    last_first = (lengths[:, None] - 1 - torch.arange(x.shape[1], device=x.device)).clamp(min=0)
    return x.gather(1, last_first[:, :, None].expand_as(x))


def _stack(at: At, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    count = at.block.count
    x = F.pad(x, (0, 0, 0, -x.shape[1] % count))
    return (x * inside(x, lengths)).unflatten(1, (-1, count)).flatten(2), (lengths + count - 1) // count


def _convolution(at: At, x: Tensor, lengths: Tensor) -> Tensor:
    x = (x * inside(x, lengths)).transpose(1, 2)
    return F.conv1d(F.pad(x, at.block.padding), at.module.weight).transpose(1, 2)


def _max_pool(at: At, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    count = at.block.count
    x = F.pad(x.masked_fill(~inside(x, lengths), -torch.inf), (0, 0, 0, -x.shape[1] % count), value=-torch.inf)
    x, lengths = x.unflatten(1, (-1, count)).amax(2), (lengths + count - 1) // count
    return x.masked_fill(~inside(x, lengths), 0.0), lengths


def _patches(at: At, x: Tensor) -> Tensor:
    whole = x[:, x.shape[1] % at.block.count :]
    return whole.reshape(len(x), -1, at.block.count * x.shape[2])


def _pool(at: At, x: Tensor, lengths: Tensor) -> Tensor:
    within = inside(x, lengths)
    if at.block.of == "mean":
        return torch.where(within, x, 0.0).sum(1) / lengths[:, None]
    return torch.where(within, x, -torch.inf).amax(1)


def _window_norm(at: At, x: Tensor, spread: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
    mean = x.mean(1, keepdim=True)
    if spread is None:
        varies = x.amax(1, keepdim=True) > x.amin(1, keepdim=True)
        spread = x.std(1, correction=0, keepdim=True) * varies
    return ((x - mean) / torch.where(spread > 0, spread, 1.0)).to(at.dtype), mean, spread


def _restore(at: At, x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    x = x.double()
    ordered = torch.cat([x[..., :1], x[..., 1:].sort(-1).values], -1)
    return ordered * spread[..., :1] + mean[..., :1]


def distribution(family: str, x: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    """Return the parameters of a distribution; see `keepgate.networks.Distribution`."""
    x, mean, spread = x.double(), mean[..., :1], spread[..., :1]
    at = x[..., :1] * spread + mean
    if family == "student-t":
        return torch.cat([at, x[..., 1:2].exp() * spread, 2 + 48 * x[..., 2:].sigmoid()], -1)
    bend = (1 + mean.abs()) / 10
    return torch.cat([bend * torch.logaddexp(at / bend, torch.zeros_like(at)), x[..., 1:].exp()], -1) + 1e-6


FUNCTIONS: dict[type[Block], Callable[..., Any]] = {  # from `At` and the sources to the result, or a tuple of them
    blocks.Activation: lambda at, x: getattr(x, at.block.function)(),
    blocks.AdaptiveSoftmax: lambda at, x: at.module.log_probs(x),
    blocks.Add: lambda at, x, y: x + y,
    blocks.Attention: _attention,
    blocks.Average: _average,
    blocks.BatchNorm: lambda at, x, lengths: at.module(x, lengths),
    blocks.Centre: _centre,
    blocks.Concat: lambda at, *values: torch.cat(values, -1),
    blocks.Convolution: _convolution,
    blocks.Crf: _crf,
    blocks.Distribution: lambda at, *sources: distribution(at.block.family, *sources),
    blocks.Dropout: lambda at, x: dropout_along(x, at.block.rate, at.training, at.block.axis),
    blocks.Embedding: _embedding,
    blocks.Last: lambda at, state: state[:, -at.block.rows :].flatten(1),
    blocks.Linear: _project,
    blocks.Lookup: _lookup,
    blocks.MaxPool: _max_pool,
    blocks.Noise: _noise,
    blocks.Patches: _patches,
    blocks.Pool: _pool,
    blocks.Recurrent: _layers,
    blocks.Repeat: lambda at, x, lengths: x[:, None].expand(-1, int(lengths.max()), -1),
    blocks.Reshape: lambda at, x: x.unflatten(-1, at.block.sizes),
    blocks.Restore: _restore,
    blocks.Reverse: _reverse,
    blocks.Scale: lambda at, x: x * at.block.factor,
    blocks.Select: lambda at, x: x[..., at.block.index],
    blocks.Softmax: lambda at, x: x.log_softmax(-1) if at.block.log else x.softmax(-1),
    blocks.Stack: _stack,
    blocks.Standardize: _standardize,
    blocks.SymbolDropout: _symbol_dropout,
    blocks.WindowNorm: _window_norm,
}
