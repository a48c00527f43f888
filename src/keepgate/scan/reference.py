"""The reference engine: the equations evaluated by torch, one step at a time.

Slow and readable; it runs on any device and supports all that autograd does: double backward, forward mode, `vmap`.
What an affine map takes from the input alone is computed for all steps at once.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.utils.checkpoint import checkpoint

from keepgate.equations import Equations, Expression, noise
from keepgate.equations.operations import EPSILON
from keepgate.errors import BackendError
from keepgate.maps import Convolution, Dense, Map
from keepgate.scan.arguments import Arguments, Result, widths
from keepgate.scan.convolve import convolve
from keepgate.scan.torch_private import transforming

__all__ = ["scan"]


def _deviation(x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return torch.sqrt((centred * centred).mean(-1, keepdim=True) + EPSILON)


TORCH: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "negative": operator.neg,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "sigmoid_slope": lambda g, y: g * (y * (1.0 - y)),
    "tanh_slope": lambda g, y: g * (1.0 - y * y),
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),  # torch's own is x above 20
    "relu": torch.relu,
    "absolute": torch.abs,
    "minimum": torch.minimum,
    "maximum": torch.maximum,
    "less": lambda a, b: (a < b).to(torch.result_type(a, b)),
    "where": lambda c, a, b: torch.where(c != 0, a, b),
    "mean": lambda x: x.mean(-1, keepdim=True),
    "deviation": _deviation,
    "normalize": lambda x: (x - x.mean(-1, keepdim=True)) / _deviation(x),
    "normalize_slope": lambda g, y, d: (g - g.mean(-1, keepdim=True) - y * (g * y).mean(-1, keepdim=True)) / d,
}


Product = Callable[[Any, Tensor, Tensor, Tensor | None], Tensor]

# How each map multiplies x [..., of the source] with its stacked weights, and adds a bias.
PRODUCTS: dict[type[Map], Product] = {
    Dense: lambda _, x, weight, bias: linear(x, weight, bias),
    Convolution: convolve,
}


def refuses(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> str | None:
    """Return why torch cannot run this, or None."""
    product = equations.map
    return None if type(product) in PRODUCTS else f"keepgate.scan.reference.PRODUCTS has no row for the map {product}"


def scan(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> Result:
    """Run the equations over time; shapes are those of `keepgate.scan.arguments`.

    Raises:
        InputError: a value to record is not one of the cell's.
        BackendError: it shall recompute under a transform of torch.func, where `torch.utils.checkpoint` does not work.
    """
    return _Scan(equations, parameters, _without_padding(arguments)).run()


def _without_padding(arguments: Arguments) -> Arguments:
    """Put zeros past each row's length: a NaN there would reach the gradients of the weights."""
    if arguments.lengths is None:
        return arguments
    steps = torch.arange(arguments.x.shape[0], device=arguments.x.device)
    inside = _wide(steps[:, None] < arguments.lengths, arguments.x)
    given = {name: torch.where(inside, value, 0.0) for name, value in arguments.step_inputs.items()}
    return replace(arguments, x=torch.where(inside, arguments.x, 0.0), step_inputs=given)


def _wide(mask: Tensor, like: Tensor) -> Tensor:
    """Return a mask of the first axes of a tensor with as many axes as it has."""
    return mask.reshape(*mask.shape, *[1] * (like.dim() - mask.dim()))


class _Bundle:
    """Affine maps of the same sources, computed by one product a source and then split into gates."""

    def __init__(self, nodes: Sequence[Expression], scan: _Scan) -> None:
        self.nodes = nodes
        self.width = str(nodes[0].width)
        _, letters, biased = nodes[0].attrs
        gates = [node.attrs[0] for node in nodes]
        self.terms = []
        for letter, source in zip(letters, nodes[0].args, strict=True):
            weight = scan.rows("weight", letter, self.width, gates)
            bias = scan.rows("bias", letter, self.width, gates) if letter in biased else None
            self.terms.append((source, weight, bias))
        self.product = partial(PRODUCTS[type(scan.equations.map)], scan.equations.map)
        self.hoisted = self._hoist(scan.arguments.x)

    def _hoist(self, x: Tensor) -> Sequence[Tensor] | None:
        for i, (source, weight, bias) in enumerate(self.terms):
            if source.op == "input":
                del self.terms[i]
                return self.product(x, weight, bias).unbind(0)
        return None

    def compute(self, t: int, values: dict[int, Any]) -> None:
        total = None if self.hoisted is None else self.hoisted[t]
        for source, weight, bias in self.terms:
            product = self.product(values[source.serial], weight, bias)
            total = product if total is None else total + product
        assert total is not None
        for node, part in zip(self.nodes, total.chunk(len(self.nodes), -1), strict=True):
            values[node.serial] = part


class _Scan:
    """One pass over time: leaves that do not change are set once, then each step runs the rest."""

    def __init__(self, equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments) -> None:
        self.equations, self.parameters, self.arguments = equations, parameters, arguments
        self.widths = widths(equations, parameters, arguments)
        self.fixed: dict[int, Any] = {}
        self.streams = itertools.count()
        self.steps: list[Callable[[int, dict[int, Any]], None]] = []
        self._plan()

    def _recorded(self) -> dict[str, Expression]:
        """Return the values to record by name."""
        known = self.equations.recording(self.arguments.record).recordable
        return {name: known[name] for name in self.arguments.record}

    def rows(self, kind: str, letter: str, width: str, gates: Sequence[str]) -> Tensor | None:
        """Return what some gates have of a stacked parameter, without a copy where that is all of it."""
        block = letter + ("r" if width == "projection" else "h")
        if f"{kind}_{block}" not in self.parameters:
            return None
        stacked = self.parameters[f"{kind}_{block}"]
        order = [p.gate for p in self.equations.products[block]] if kind == "weight" else self.equations.biases[block]
        if list(order) == list(gates):
            return stacked
        parts = stacked.chunk(len(order), 0)
        return torch.cat([parts[order.index(gate)] for gate in gates])

    def _plan(self) -> None:
        x = self.arguments.x
        bundles: dict[tuple[Any, ...], list[Expression]] = {}
        for node in self.equations.affines:
            key = (tuple(arg.serial for arg in node.args), node.attrs[1], node.attrs[2], node.width)
            bundles.setdefault(key, []).append(node)
        first = {nodes[0].serial: nodes for nodes in bundles.values()}
        for node in self.equations.nodes:
            if node.op == "affine":
                if node.serial in first:
                    self.steps.append(_Bundle(first[node.serial], self).compute)
            elif node.op == "vector":
                vector = self.parameters[node.attrs[0]].movedim(0, -1)
                self.fixed[node.serial] = vector.expand(*x.shape[1:-1], vector.shape[-1])
            elif node.op in ("constant", "size"):
                value = node.attrs[0] if node.op == "constant" else self.widths[node.attrs[0]]
                self.fixed[node.serial] = torch.tensor(float(value), dtype=x.dtype, device=x.device)
            elif node.op == "bernoulli":
                self._plan_noise(node)
            elif node.op == "broadcast":
                width = self.widths[str(node.width)]
                self.steps.append(_operation(node, lambda value, width=width: value.expand(*value.shape[:-1], width)))
            elif node.op in TORCH:
                self.steps.append(_operation(node, TORCH[node.op]))

    def _plan_noise(self, node: Expression) -> None:
        seed, units = self.arguments.seed, self.widths[str(node.width)]
        _, rate, per = node.attrs
        stream = next(self.streams)
        if seed is None:
            self.fixed[node.serial] = self.arguments.x.new_full((*self.arguments.x.shape[1:-1], units), rate)
            return
        key, x = noise.stream_key(seed, stream), self.arguments.x
        places = x.shape[1:-1]
        rows, columns = (torch.arange(n, device=x.device) for n in (math.prod(places), units))
        rows = rows.view(*places, 1)

        def draw(t: int, values: dict[int, Any]) -> None:
            values[node.serial] = (noise.bits(key, t, rows, columns) < rate * 2.0**32).to(x.dtype)

        if per == "sequence":
            draw(0, self.fixed)
        else:
            self.steps.append(draw)

    def run(self) -> Result:
        """Walk over time, forwards or backwards; where asked, in segments that the backward pass runs once more."""
        a, recorded = self.arguments, self._recorded()
        steps = range(a.x.shape[0])[:: -1 if a.reverse else 1]
        state, outputs = dict(a.state), {name: [] for name in a.record}
        length = max(math.isqrt(len(steps)) if a.recompute else len(steps), 1)
        for first in range(0, len(steps), length):
            part = steps[first : first + length]
            state, values = self._again(part, state) if a.recompute else self._walk(part, state)
            for name in recorded:
                outputs[name] += values[name]
        return Result({name: self._stack(outputs[name], node) for name, node in recorded.items()}, state)

    def _again(self, *arguments: Any) -> Any:
        """Walk, and once more in the backward pass."""
        if transforming():
            raise BackendError("the reference engine cannot recompute under torch.func; use recompute=False there")
        return checkpoint(self._walk, *arguments, use_reentrant=False)

    def _walk(self, steps: range, state: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, list[Tensor]]]:
        """Take some steps from a state; return the state after them, and what is recorded at each."""
        a, recorded = self.arguments, self._recorded()
        outputs = {name: [] for name in recorded}
        leaves = {n.serial: n.attrs[0] for n in self.equations.nodes if n.op == "last"}
        given = {n.serial: a.step_inputs[n.attrs[0]] for n in self.equations.nodes if n.op == "step_input"}
        inputs = [node.serial for node in self.equations.nodes if node.op == "input"]
        for t in steps:
            before = self._reset(t, state)
            values = self.fixed | {serial: before[name] for serial, name in leaves.items()}
            values |= {serial: value[t] for serial, value in given.items()} | dict.fromkeys(inputs, a.x[t])
            for step in self.steps:
                step(t, values)
            new = {name: values[node.serial] for name, node in self.equations.new.items()}
            state, active = self._hold(t, new, state)
            for name, node in recorded.items():
                value = values[node.serial]
                outputs[name].append(value if active is None else torch.where(active, value, 0.0))
        return state, outputs

    def _reset(self, t: int, state: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.arguments.reset is None:
            return state
        now = _wide(self.arguments.reset[t], self.arguments.x[t])
        return {name: torch.where(now, self.arguments.state[name], value) for name, value in state.items()}

    def _hold(self, t: int, new: dict[str, Tensor], old: dict[str, Tensor]) -> tuple[dict[str, Tensor], Tensor | None]:
        """Keep the state of rows that are past their length."""
        if self.arguments.lengths is None:
            return new, None
        active = _wide(self.arguments.lengths > t, self.arguments.x[t])
        return {name: torch.where(active, value, old[name]) for name, value in new.items()}, active

    def _stack(self, values: list[Tensor], node: Expression) -> Tensor:
        if not values:
            return self.arguments.x.new_zeros(0, *self.arguments.x.shape[1:-1], self.widths[str(node.width)])
        return torch.stack(values[::-1] if self.arguments.reverse else values)


def _operation(node: Expression, function: Callable[..., Any]) -> Callable[[int, dict[int, Any]], None]:
    target, args = node.serial, [arg.serial for arg in node.args]

    def run(t: int, values: dict[int, Any]) -> None:
        values[target] = function(*[values[arg] for arg in args])

    return run
