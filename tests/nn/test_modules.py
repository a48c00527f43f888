"""`LSTM`, `GRU` and `RNN` in the place of torch's: the same weights, numbers, gradients and results of every kind."""

from __future__ import annotations

import inspect
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence, pad_packed_sequence

import keepgate.nn as ours
from keepgate.scan import engines

KINDS = {
    "LSTM": ({}, nn.LSTM, ours.LSTM),
    "LSTM, projected": ({"proj_size": 3}, nn.LSTM, ours.LSTM),
    "GRU": ({}, nn.GRU, ours.GRU),
    "RNN": ({}, nn.RNN, ours.RNN),
    "RNN, relu": ({"nonlinearity": "relu"}, nn.RNN, ours.RNN),
}
BACKENDS = [name for name in ("reference", "native") if engines().get(name) == "yes"]
STEPS, BATCH, INPUTS, HIDDEN = 5, 4, 3, 6


def pair(kind: str, backend: str = "reference", **options) -> tuple[nn.Module, nn.Module]:
    """Return torch's module and ours with torch's weights."""
    fixed, theirs, mine = KINDS[kind]
    options = {"dtype": torch.float64, **fixed, **options}
    torch.manual_seed(0)
    wanted, got = theirs(INPUTS, HIDDEN, **options), mine(INPUTS, HIDDEN, **options, backend=backend)
    got.load_state_dict(wanted.state_dict(), strict=True)
    return wanted, got


def initial(module: nn.Module, rows: int, batch: int | None) -> torch.Tensor | tuple[torch.Tensor, ...]:
    shape = (rows,) if batch is None else (rows, batch)
    output = getattr(module, "proj_size", 0) or HIDDEN
    h = torch.randn(*shape, output, dtype=torch.float64)
    return (h, torch.randn(*shape, HIDDEN, dtype=torch.float64)) if isinstance(module, nn.LSTM) else h


def flat(value) -> list[torch.Tensor]:
    """Return the tensors in a result, in order."""
    if isinstance(value, PackedSequence):
        return [value.data]
    if isinstance(value, torch.Tensor):
        return [value]
    return [tensor for part in value for tensor in flat(part)]


def same_structure(got, wanted) -> bool:
    if isinstance(wanted, PackedSequence):
        indices = ("batch_sizes", "sorted_indices", "unsorted_indices")
        return all(
            a is b is None or torch.equal(a, b)
            for a, b in ((getattr(got, name), getattr(wanted, name)) for name in indices)
        )
    if isinstance(wanted, tuple):
        return isinstance(got, tuple) and len(got) == len(wanted) and all(map(same_structure, got, wanted))
    return isinstance(got, torch.Tensor)


def check_same(wanted: nn.Module, got: nn.Module, x, hx=None) -> None:
    """Compare output, final state and the gradients of inputs, initial states and parameters."""
    gradients = []
    cotangents: list[torch.Tensor] = []
    for module in (wanted, got):
        leaf = (x.data if isinstance(x, PackedSequence) else x).detach().clone().requires_grad_()
        given = PackedSequence(leaf, *x[1:]) if isinstance(x, PackedSequence) else leaf
        states = [state.detach().clone().requires_grad_() for state in flat(hx)] if hx is not None else []
        arguments = () if hx is None else (tuple(states) if isinstance(hx, tuple) else states[0],)
        result = module(given, *arguments)
        if not gradients:
            first = result
            cotangents = [torch.randn_like(value) for value in flat(result)]
        loss = sum((value * c).sum() for value, c in zip(flat(result), cotangents, strict=True))
        gradients.append(torch.autograd.grad(loss, [leaf, *states, *module.parameters()]))
    assert same_structure(result, first)
    for a, b in zip(flat(result), flat(first), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-12)
    for a, b in zip(*reversed(gradients), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-12)


OPTIONS = [
    {"num_layers": layers, "bidirectional": both, "bias": bias, "batch_first": first}
    for layers, both, bias, first in product((1, 3), (False, True), (True, False), (False, True))
]


def label(options: dict) -> str:
    return " ".join(f"{name}={value}" for name, value in options.items())


@pytest.mark.parametrize("given", [False, True], ids=["zeros", "hx"])
@pytest.mark.parametrize("options", OPTIONS, ids=label)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_batched(backend: str, kind: str, options: dict, given: bool):
    wanted, got = pair(kind, backend, **options)
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    rows = options["num_layers"] * (1 + options["bidirectional"])
    hx = initial(wanted, rows, BATCH) if given else None
    check_same(wanted, got, x.transpose(0, 1) if options["batch_first"] else x, hx)


@pytest.mark.parametrize("given", [False, True], ids=["zeros", "hx"])
@pytest.mark.parametrize("options", OPTIONS, ids=label)
@pytest.mark.parametrize("kind", KINDS)
def test_unbatched(kind: str, options: dict, given: bool):
    wanted, got = pair(kind, **options)
    rows = options["num_layers"] * (1 + options["bidirectional"])
    x = torch.randn(STEPS, INPUTS, dtype=torch.float64)
    check_same(wanted, got, x, initial(wanted, rows, None) if given else None)


@pytest.mark.parametrize("lengths", [(5, 4, 2, 1), (2, 5, 1, 4), (3, 3, 3, 3)], ids=["sorted", "unsorted", "equal"])
@pytest.mark.parametrize("given", [False, True], ids=["zeros", "hx"])
@pytest.mark.parametrize("options", OPTIONS, ids=label)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_packed(backend: str, kind: str, options: dict, given: bool, lengths: tuple[int, ...]):
    wanted, got = pair(kind, backend, **options)
    rows = options["num_layers"] * (1 + options["bidirectional"])
    x = torch.randn(max(lengths), BATCH, INPUTS, dtype=torch.float64)
    packed = pack_padded_sequence(x, torch.tensor(lengths), enforce_sorted=False)
    check_same(wanted, got, packed, initial(wanted, rows, BATCH) if given else None)


@pytest.mark.parametrize("kind", KINDS)
def test_packed_that_was_sorted_by_the_caller(kind: str):
    wanted, got = pair(kind, bidirectional=True)
    packed = pack_sequence([torch.randn(n, INPUTS, dtype=torch.float64) for n in (5, 3, 1)])
    assert packed.sorted_indices is None
    check_same(wanted, got, packed, initial(wanted, 2, 3))


@pytest.mark.parametrize("backend", BACKENDS)
def test_lengths_are_what_packing_is(backend: str):
    layer = ours.LSTM(INPUTS, HIDDEN, 2, bidirectional=True, dtype=torch.float64, backend=backend)
    x, lengths = torch.randn(STEPS, 3, INPUTS, dtype=torch.float64), torch.tensor([2, 5, 3])
    output, (h, c) = layer(x, lengths=lengths)
    packed, state = layer(pack_padded_sequence(x, lengths, enforce_sorted=False))
    torch.testing.assert_close(pad_packed_sequence(packed)[0], output)
    torch.testing.assert_close(state, (h, c))


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False}], ids=label)
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_weights(kind: str, options: dict):
    fixed, theirs, mine = KINDS[kind]
    torch.manual_seed(3)
    wanted = theirs(INPUTS, HIDDEN, **fixed, **options).state_dict()
    torch.manual_seed(3)
    got = mine(INPUTS, HIDDEN, **fixed, **options).state_dict()
    assert list(got) == list(wanted)
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("options", OPTIONS, ids=label)
@pytest.mark.parametrize("kind", KINDS)
def test_state_dicts_travel_both_ways(kind: str, options: dict):
    wanted, got = pair(kind, **options)
    with torch.no_grad():
        for parameter in got.parameters():
            parameter.add_(1)
    wanted.load_state_dict(got.state_dict(), strict=True)
    assert [name for name, _ in wanted.named_parameters()] == [name for name, _ in got.named_parameters()]
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    torch.testing.assert_close(flat(got(x)), flat(wanted(x)), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_between_layers_is_torchs(kind: str):
    wanted, got = pair(kind, num_layers=3, dropout=0.4)
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    results = []
    for module in (wanted, got):
        torch.manual_seed(1)
        results.append(flat(module.train()(x)))
    torch.testing.assert_close(results[1], results[0], rtol=1e-6, atol=1e-12)
    check_same(wanted.eval(), got.eval(), x)


@pytest.mark.parametrize(("theirs", "mine"), [(nn.LSTM, ours.LSTM), (nn.GRU, ours.GRU), (nn.RNN, ours.RNN)])
def test_positional_arguments_are_torchs(theirs, mine):
    def values(kind: str) -> tuple:
        return (3, 4, 2, "relu", False, True, 0.0, True) if kind == "RNN" else (3, 4, 2, False, True, 0.0, True)

    arguments = values(mine.__name__)
    x = torch.randn(2, 5, 3)
    got, wanted = mine(*arguments), theirs(*arguments)
    got.load_state_dict(wanted.state_dict())
    torch.testing.assert_close(flat(got(x)), flat(wanted(x)))
    known = [name for name, p in inspect.signature(mine).parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    order = {"LSTM": "dropout bidirectional proj_size", "GRU": "dropout bidirectional", "RNN": "dropout bidirectional"}
    head = ["input_size", "hidden_size", "num_layers", *(["nonlinearity"] if mine is ours.RNN else [])]
    assert known == [*head, "bias", "batch_first", *order[mine.__name__].split(), "device", "dtype"]


def test_attributes_that_scripts_read():
    wanted, got = pair("LSTM, projected", num_layers=2, bidirectional=True, batch_first=True)
    sizes = ("input_size", "hidden_size", "num_layers", "proj_size")
    for name in (*sizes, "bias", "batch_first", "dropout", "bidirectional"):
        assert getattr(got, name) == getattr(wanted, name), name
    assert [[tuple(w.shape) for w in layer] for layer in got.all_weights] == [
        [tuple(w.shape) for w in layer] for layer in wanted.all_weights
    ]
    got.flatten_parameters()


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")  # of torch's own module
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_other_precisions(kind: str, dtype: torch.dtype):
    wanted, got = (module.to(dtype) for module in pair(kind))
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=dtype)
    tolerance = {torch.float32: 1e-5, torch.bfloat16: 5e-2}[dtype]
    torch.testing.assert_close(flat(got(x)), flat(wanted(x)), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_training_run_is_the_same(kind: str):
    """Twenty steps of Adam on both: weights stay together."""
    wanted, got = pair(kind, num_layers=2)
    x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
    for module in (wanted, got):
        optimizer = torch.optim.Adam(module.parameters(), lr=1e-2)
        for _ in range(20):
            optimizer.zero_grad()
            module(x)[0].square().mean().backward()
            optimizer.step()
    torch.testing.assert_close(dict(got.named_parameters()), dict(wanted.named_parameters()), rtol=1e-6, atol=1e-9)
