"""`torch.compile(fullgraph=True)` and `torch.export` on the native engine: the very bits of the layer itself."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo.eval_frame import _debug_get_cache_entry_list
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jacrev, jvp, vmap
from torch.nn.utils.rnn import pack_padded_sequence
from torch.utils._pytree import tree_leaves

from conformance.cells import CELLS
from keepgate.errors import InputError
from keepgate.nn import GRU, LSTM, RNN, Recurrent
from keepgate.scan import engines, operators

pytestmark = [
    pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here"),
    pytest.mark.filterwarnings("ignore"),  # the compiler warns of what it does itself
]

STEPS, BATCH, INPUTS, HIDDEN = 5, 3, 4, 6
BACKENDS = pytest.mark.parametrize("backend", ["eager", "aot_eager"])
SLOW_BACKENDS = ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    torch.compiler.reset()
    torch.manual_seed(0)
    yield
    torch.compiler.reset()


def compiled(module: Any, backend: Any, **options: Any) -> Any:
    return torch.compile(module, fullgraph=True, backend=backend, **options)


def results(module: Any, parameters: list[Tensor], x: Tensor, **arguments: Any) -> list[Tensor]:
    """Return outputs, final states and all gradients, then the outputs where no gradient is recorded."""
    torch.manual_seed(1)
    x = x.clone().requires_grad_()
    found = tree_leaves(module(x, **arguments))
    gradients = torch.autograd.grad(sum(value.square().sum() for value in found), [x, *parameters])
    with torch.no_grad():
        return [*found, *gradients, *tree_leaves(module(x, **arguments))]


def check(layer: nn.Module, backend: str, x: Tensor | None = None, **arguments: Any) -> None:
    x = torch.randn(STEPS, BATCH, INPUTS) if x is None else x
    parameters = list(layer.parameters())
    got, wanted = (results(m, parameters, x, **arguments) for m in (compiled(layer, backend), layer))
    assert len(got) == len(wanted)
    for a, b in zip(got, wanted, strict=True):
        assert torch.equal(a, b)


def step_inputs(layer: Recurrent) -> dict[str, Tensor]:
    size = layer.equations.resolve(INPUTS, HIDDEN)
    return {name: torch.rand(STEPS, BATCH, size[width]) for name, width in layer.equations.step_inputs.items()}


@pytest.mark.parametrize("cell", CELLS)
def test_every_cell(cell: str):
    """In training, so with random bits where the cell has any; with lengths and the step inputs it takes."""
    layer = Recurrent(CELLS[cell], INPUTS, HIDDEN, backend="native")
    check(layer, "aot_eager", lengths=torch.tensor([2, 5, 0]), step_inputs=step_inputs(layer))


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "stacked, both directions": {"num_layers": 2, "bidirectional": True, "dropout": 0.5},
    "projected": {"proj_size": 2},
    "without biases": {"bias": False},
}
ARGUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "nothing": dict,
    "lengths": lambda: {"lengths": torch.tensor([2, 5, 0])},
    "falling lengths": lambda: {"lengths": torch.tensor([5, 4, 1])},
    "reset": lambda: {"reset": torch.rand(STEPS, BATCH) < 0.3},
}


@pytest.mark.parametrize("arguments", ARGUMENTS)
@pytest.mark.parametrize("options", OPTIONS)
def test_options_and_arguments(options: str, arguments: str):
    check(LSTM(INPUTS, HIDDEN, backend="native", **OPTIONS[options]), "aot_eager", **ARGUMENTS[arguments]())


@BACKENDS
@pytest.mark.parametrize("kind", [LSTM, GRU, RNN])
def test_kinds_with_a_state_of_their_own(kind: type[Recurrent], backend: str):
    layer = kind(INPUTS, HIDDEN, batch_first=True, backend="native")
    state = tuple(torch.randn(1, BATCH, HIDDEN) for _ in layer.equations.states)
    x = torch.randn(BATCH, STEPS, INPUTS)
    check(layer, backend, x, hx=state if len(state) > 1 else state[0])
    check(kind(INPUTS, HIDDEN, backend="native"), backend, torch.randn(STEPS, INPUTS))


def test_the_reference():
    layer = Recurrent("zoneout(lstm, 0.5)", INPUTS, HIDDEN, backend="reference")
    check(layer, "eager", torch.randn(2, BATCH, INPUTS), lengths=torch.tensor([2, 1, 0]))


def graphs() -> int:
    """Return how often a layer was compiled."""
    return len(_debug_get_cache_entry_list(Recurrent.forward))


class Model(nn.Module):
    """A layer between others, as it is used."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(11, INPUTS)
        self.lstm = LSTM(INPUTS, HIDDEN, 2, batch_first=True, bidirectional=True, dropout=0.5, backend="native")
        self.out = nn.Linear(2 * HIDDEN, 3)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        return self.out(self.lstm(self.embedding(tokens).cos(), lengths=lengths)[0]).tanh()


@pytest.mark.parametrize("backend", SLOW_BACKENDS)
def test_inside_a_model(backend: str):
    """Close, not equal: what is around the layer is the compiler's own; without dropout, whose bits are too."""
    model = Model().eval()
    tokens, lengths = torch.randint(11, (BATCH, STEPS)), torch.tensor([2, 5, 3])
    fast = compiled(model, backend, dynamic=True)
    for steps in (STEPS, STEPS + 2):
        tokens = torch.randint(11, (BATCH, steps))
        torch.testing.assert_close(fast(tokens, lengths), model(tokens, lengths))
        got, wanted = (
            torch.autograd.grad(m(tokens, lengths).square().sum(), model.parameters()) for m in (fast, model)
        )
        torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("backend", SLOW_BACKENDS)
def test_random_bits_are_drawn_anew_in_every_call(backend: str):
    layer = Recurrent("zoneout(lstm, 0.5)", INPUTS, HIDDEN, backend="native")
    fast, x = compiled(layer, backend), torch.randn(STEPS, BATCH, INPUTS)

    def run() -> list[Tensor]:
        torch.manual_seed(3)
        return [fast(x)[0] for _ in range(3)]

    first, again = run(), run()
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first[1], first[2])


@pytest.mark.parametrize("arguments", ["nothing", "lengths"])
def test_sizes_are_free(arguments: str):
    """One graph for all steps and batches, and one for a batch of 1, which torch always compiles by itself."""
    layer = LSTM(INPUTS, HIDDEN, 2, backend="native")
    fast = compiled(layer, "aot_eager", dynamic=True)
    for steps in (5, 7, 100):
        for batch in (3, 32, 1):
            x = torch.randn(steps, batch, INPUTS)
            given = {"lengths": torch.randint(steps + 1, (batch,))} if arguments == "lengths" else {}
            assert torch.equal(fast(x, **given)[0], layer(x, **given)[0])
    assert graphs() == 2


def test_sizes_become_free_by_themselves():
    layer = LSTM(INPUTS, HIDDEN, backend="native")
    fast = compiled(layer, "aot_eager")
    for steps, batch in ((5, 3), (7, 32), (100, 3), (7, 5)):
        x = torch.randn(steps, batch, INPUTS)
        assert torch.equal(fast(x)[0], layer(x)[0])
    assert graphs() == 2


def test_lengths_are_checked_by_the_operator():
    fast, x = compiled(LSTM(INPUTS, HIDDEN, backend="native"), "aot_eager"), torch.randn(STEPS, BATCH, INPUTS)
    for wrong in ([5, 9, 1], [5, -1, 1]):
        with pytest.raises(InputError, match="lengths from 0 to T=5"):
            fast(x, lengths=torch.tensor(wrong))


def test_packed_sequences_break_the_graph_and_no_more():
    """Dynamo does not look into torch's packing; around it the layer is compiled."""
    layer, x = LSTM(INPUTS, HIDDEN, backend="native"), torch.randn(STEPS, BATCH, INPUTS)
    packed = pack_padded_sequence(x, torch.tensor([2, 5, 3]), enforce_sorted=False)
    got, wanted = torch.compile(layer, backend="aot_eager")(packed), layer(packed)
    assert all(torch.equal(a, b) for a, b in zip(tree_leaves(got), tree_leaves(wanted), strict=True))


def test_transforms_within():
    layer, x = LSTM(INPUTS, HIDDEN, backend="native"), torch.randn(STEPS, BATCH, INPUTS)
    one = {name: value.detach() for name, value in layer.named_parameters()}
    many = {name: torch.stack([value, value / 2]) for name, value in one.items()}

    def scan(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(layer, parameters, (x,))[0]

    def loss(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return scan(parameters, x).square().sum()

    def all_of_them(x: Tensor) -> list[Any]:
        xs = torch.stack([x, x / 2])
        return [
            grad(loss, (0, 1))(one, x),
            vmap(scan)(many, xs),
            vmap(grad(loss), (None, 0))(one, xs),
            vmap(grad(loss), (0, None))(many, x),
            jacrev(lambda x: scan(one, x)[-1])(x),
        ]

    got, wanted = tree_leaves(compiled(all_of_them, "aot_eager")(x)), tree_leaves(all_of_them(x))
    assert all(torch.equal(a, b) for a, b in zip(got, wanted, strict=True))


def test_forward_mode_is_refused():
    layer, x = LSTM(INPUTS, HIDDEN, backend="native"), torch.randn(STEPS, BATCH, INPUTS)
    fast = compiled(lambda x: layer(x)[0], "aot_eager")
    with pytest.raises(Exception, match="forward mode goes around"):
        compiled(lambda x: jvp(lambda x: layer(x)[0], (x,), (x,)), "aot_eager")(x)
    for wanted in (True, False):
        layer.requires_grad_(wanted)
        fast(x)
        with forward_ad.dual_level(), pytest.raises(NotImplementedError):
            fast(forward_ad.make_dual(x, x))


@pytest.mark.parametrize("lengths", [None, torch.tensor([STEPS] * BATCH)], ids=["", "lengths"])
@pytest.mark.parametrize("reverse", [False, True])
def test_operators_are_what_torch_asks_of_them(reverse: bool, lengths: Tensor | None):
    layer, x = LSTM(INPUTS, HIDDEN, backend="native"), torch.randn(STEPS, BATCH, INPUTS)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    states = torch.randn(2, BATCH, HIDDEN).unbind()
    tensors = [lengths, None, x, *states, *(p.detach() for p in layer.parameters())]
    what = (None, operators.text_of(layer.equations), names, reverse, ("h",))
    for keep in (False, True):
        torch.library.opcheck(torch.ops.keepgate.scan.default, (tensors, [], keep, *what))
    spec = operators.spec_of(tensors, *what)
    _, state, _, *stored = spec.backend.run_forward(spec, True, (), tensors)
    rest = [*stored, torch.randn(STEPS, BATCH, HIDDEN), None, torch.randn_like(state)]
    torch.library.opcheck(torch.ops.keepgate.scan_gradient.default, ([*tensors, *rest], [], len(tensors), *what))


@pytest.mark.parametrize("strict", [False, True])
def test_export(strict: bool):
    """A program for all sizes, which can be written and read again; it cannot be trained, and says so."""
    model = Model().eval()
    batch, steps = torch.export.Dim("batch"), torch.export.Dim("steps")
    example = (torch.randint(11, (BATCH, STEPS)), torch.tensor([2, 5, 3]))
    program = torch.export.export(model, example, dynamic_shapes=({0: batch, 1: steps}, {0: batch}), strict=strict)
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    buffer.seek(0)
    again = torch.export.load(buffer).module()
    tokens, lengths = torch.randint(11, (2, 9)), torch.tensor([9, 1])
    got = again(tokens, lengths)
    torch.testing.assert_close(got, model(tokens, lengths))
    with pytest.raises(RuntimeError, match="no gradient of its own"):
        got.sum().backward()
