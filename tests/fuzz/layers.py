"""Layers of any cell and any options on the native engine, against the reference engine and against plain tensors.

Half of the cases change one tensor. A change that leaves its numbers as they are (a negated view, a zero tensor,
strides, one number for all units) must give what the plain tensor gives; any other must be refused.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from fuzz.harness import Wrong
from keepgate import cells
from keepgate.errors import KeepgateError
from keepgate.nn import Recurrent
from keepgate.testing.tolerances import TOLERANCE, error

MODIFIED = ("layer_norm({})", "coupled({})", "zoneout({}, 0.2)", "recurrent_dropout({}, 0.3)", "variational({}, 0.2)")
DTYPES = {"float32": torch.float32, "float64": torch.float64}


def _first(value: Tensor) -> Tensor:
    return value.flatten()[:1].sum()


def _zero(value: Tensor) -> Tensor:
    return torch._efficientzerotensor(value.shape, dtype=value.dtype)


def _strided(value: Tensor) -> Tensor:
    wide = torch.full((*value.shape, 2), torch.nan, dtype=value.dtype)
    wide[..., 1] = value
    return wide[..., 1]


# The same numbers in other memory, and what they are.
SAME: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "negated": (lambda value: torch._neg_view(-value), lambda value: value),
    "strided": (_strided, lambda value: value),
    "zero": (_zero, torch.zeros_like),
    "expanded": (lambda value: _first(value).expand(value.shape), lambda value: torch.ones_like(value) * _first(value)),
}
ONE = (lambda v: v[:1].clone(), lambda v: torch.full_like(v, float(v[0])))  # for biases and vectors
OTHER: dict[str, Callable[[Tensor], Any]] = {
    "half": Tensor.half,
    "bfloat16": Tensor.bfloat16,
    "complex": lambda value: value.to(torch.complex64),
    "integers": Tensor.long,
    "booleans": Tensor.bool,
    "other float": lambda value: value.float() if value.dtype == torch.float64 else value.double(),
    "meta": lambda value: value.to("meta"),
    "sparse": lambda value: value.to_sparse(),
    "longer": lambda value: torch.cat([value, value[:1], value[:1]]) if value.dim() else value.expand(3),
    "wider": lambda value: value[..., None].expand(*value.shape, 2).flatten(-2) if value.dim() else value.expand(2),
    "deeper": lambda value: value[None, None],
    "scalar in two dimensions": lambda value: torch.zeros(1, 1, dtype=value.dtype),
    "none of them": lambda value: value[:0],
}


def draw(random: Random) -> dict[str, Any]:
    name = random.choice(sorted(cells.registry()))
    cell = random.choice(MODIFIED).format(name) if random.random() < 0.4 else name
    steps, rows = random.choice((0, 1, 2, 3, 5)), random.choice((0, 1, 2, 3))
    return {
        "cell": cell,
        "sizes": [random.choice((0, 1, 2, 3, 7)), random.choice((1, 2, 3, 5, 17))],
        "shape": [steps, rows],
        "options": {
            "num_layers": random.choice((1, 1, 1, 2, 3)),
            "bidirectional": random.random() < 0.3,
            "bias": random.random() < 0.8,
            "batch_first": random.random() < 0.3,
            "state_batch_first": random.random() < 0.2,
            "initial_state": random.choice(("zeros", "zeros", "learned")),
            "recompute": random.random() < 0.2,
        },
        "training": random.random() < 0.5,
        "dtype": random.choice(sorted(DTYPES)),
        "lengths": [random.randint(0, steps) for _ in range(rows)] if random.random() < 0.4 else None,
        "reset": random.random() < 0.3,
        "state": random.random() < 0.5,
        "threads": random.choice((1, 2)),
        "seed": random.randrange(2**31),
        "change": _draw_change(random),
    }


def _draw_change(random: Random) -> dict[str, Any] | None:
    if random.random() < 0.4:
        return None
    kinds = [*SAME, *OTHER, "one number"]
    return {"which": random.randrange(1000), "kind": random.choice(kinds)}


def check(case: dict[str, Any]) -> None:
    try:
        native, reference = (_layer(case, backend) for backend in ("native", "reference"))
    except KeepgateError:
        return  # a modifier that does not go with the cell
    reference.load_state_dict(native.state_dict())
    tensors = _tensors(case, native)
    change = case["change"]
    if change is None:
        return _compare(case, native, tensors, reference, tensors)
    name = sorted(tensors)[change["which"] % len(tensors)]
    kind, value = change["kind"], tensors[name]
    if kind == "one number" and (value.dim() != 1 or name == "lengths" or name.split("_")[1:2] == ["0"]):
        return None  # only biases and vectors may be one number
    if kind == "expanded" and "layer_norm" in case["cell"]:
        return None  # the norm of equal numbers is that of their rounding
    same = ONE if kind == "one number" else SAME.get(kind)
    if same is not None and (value.is_floating_point() and (kind != "one number" or value.numel())):
        odd, plain = (of(value.detach()) for of in same)
        return _compare(case, native, tensors | {name: odd}, reference, tensors | {name: plain})
    if same is not None:
        return None
    shapes = ("longer", "none of them", "scalar in two dimensions")  # other steps or rows, or no batch
    free = name == "input" and kind in shapes
    unused = case["state"] and name.split("_")[1:2] == ["0"]  # a learned state where one is given
    other = OTHER[kind](value.detach())
    if free or unused or _means_the_same(name, value, other):
        return None
    try:
        _run(case, native, tensors | {name: other})
    except KeepgateError:
        return None
    raise Wrong(f"{name} as {kind}, {tuple(other.shape)} of {other.dtype}, was taken")


def _means_the_same(name: str, value: Tensor, other: Tensor) -> bool:
    """Return whether a change makes what a layer takes as well: integers of another kind, or nothing new."""
    if name == "lengths" and other.dtype == torch.int64 and other.shape == value.shape and not other.is_meta:
        return other.layout == torch.strided
    one = value.dim() == 1 and other.shape in ((1,), ()) and name.startswith(("bias", "p_", "gain"))
    alike = other.shape == value.shape or one
    return alike and other.dtype == value.dtype and other.layout == value.layout and other.device == value.device


def _layer(case: dict[str, Any], backend: str) -> Recurrent:
    torch.manual_seed(case["seed"])
    layer = Recurrent(case["cell"], *case["sizes"], dtype=DTYPES[case["dtype"]], backend=backend, **case["options"])
    return layer.train(case["training"])


def _tensors(case: dict[str, Any], layer: Recurrent) -> dict[str, Tensor]:
    """Return parameters, input, states, lengths, resets and step inputs by name."""
    random = torch.Generator().manual_seed(case["seed"])
    (inputs, hidden), (steps, rows), dtype = case["sizes"], case["shape"], DTYPES[case["dtype"]]

    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, generator=random, dtype=dtype).requires_grad_()

    axes = (rows, steps) if layer.batch_first else (steps, rows)
    found = {name: value.detach().clone().requires_grad_() for name, value in layer.named_parameters()}
    found["input"] = numbers(*axes, inputs)
    slots = layer.num_layers * layer.directions
    if case["state"]:
        for name, width in layer.widths.items():
            shape = (rows, slots, width) if layer.state_batch_first else (slots, rows, width)
            found[f"state {name}"] = numbers(*shape)
    size = layer.equations.resolve(inputs, hidden)
    for name, width in layer.equations.step_inputs.items():
        found[f"given {name}"] = numbers(*axes, size[width]).detach().abs().requires_grad_()  # such as elapsed time
    if case["lengths"] is not None:
        found["lengths"] = torch.tensor(case["lengths"], dtype=torch.int64)
    if case["reset"]:
        found["reset"] = torch.rand(axes, generator=random) < 0.3
    return found


def _run(case: dict[str, Any], layer: Recurrent, tensors: dict[str, Tensor]) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Return the outputs and final states, and the gradients of the tensors that want one."""
    torch.set_num_threads(case["threads"])
    names = dict(layer.named_parameters())
    states = tuple(tensors[f"state {name}"] for name in layer.widths if f"state {name}" in tensors)
    given = {name: tensors[f"given {name}"] for name in layer.equations.step_inputs}
    torch.manual_seed(case["seed"])
    output, final = functional_call(
        layer,
        {name: tensors[name] for name in names},
        (tensors["input"], (states[0] if len(states) == 1 else states) if states else None),
        {"lengths": tensors.get("lengths"), "reset": tensors.get("reset"), "step_inputs": given},
        strict=True,
    )
    results = [output, *(final if isinstance(final, tuple) else (final,))]
    wanted = {name: value for name, value in tensors.items() if value.requires_grad}
    if not wanted or not any(result.requires_grad for result in results):
        return results, {}
    random = torch.Generator().manual_seed(1 + case["seed"])
    cotangents = [torch.randn(r.shape, generator=random, dtype=r.dtype) for r in results]
    loss = sum((r * c).sum() for r, c in zip(results, cotangents, strict=True))
    found = torch.autograd.grad(loss, [*wanted.values()], allow_unused=True)
    zeros = (torch.zeros_like(v) if g is None else g for v, g in zip(wanted.values(), found, strict=True))
    return results, dict(zip(wanted, zeros, strict=True))


def _compare(
    case: dict[str, Any], layer: Recurrent, tensors: dict[str, Tensor], other: Recurrent, plain: dict[str, Tensor]
) -> None:
    """Compare results and gradients; a number that float32 cannot hold well, within ten times the reference's error."""
    found = _named(_run(case, layer, tensors))
    wanted = _named(_run(case, other, plain))
    bound = 10 * TOLERANCE[DTYPES[case["dtype"]]]  # layers upon layers
    wrong = {n: e for n in found if n in wanted and not (e := _error(found[n], wanted[n])) <= bound}
    if wrong and case["dtype"] == "float32":
        double = {
            name: value.detach().double() if value.is_floating_point() else value for name, value in plain.items()
        }
        double = {name: value.requires_grad_(plain[name].requires_grad) for name, value in double.items()}
        truth = _named(_run(case, other.double(), double))
        wrong = {n: e for n in wrong if (e := _error(found[n], truth[n])) > 10 * _error(wanted[n], truth[n])}
    if wrong:
        raise Wrong(", ".join(f"{name}: error {error:.1e}" for name, error in wrong.items()))


def _named(run: tuple[list[Tensor], dict[str, Tensor]]) -> dict[str, Tensor]:
    results, gradients = run
    named = {f"result {place}": result.detach() for place, result in enumerate(results)}
    return named | {f"gradient of {name}": value for name, value in gradients.items()}


def _error(got: Tensor, right: Tensor) -> float:
    return error(got, right) if got.shape == right.shape else float("inf")
