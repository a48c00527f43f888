"""Transforms of torch on the native engine, each as on the reference and, where there is one, as a plain loop."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vjp, vmap
from torch.utils._pytree import tree_leaves, tree_map

from keepgate.nn import LSTM, Recurrent
from keepgate.scan import engines
from keepgate.scan.autograd import Results, Spec, Tensors
from keepgate.scan.buffers import Native
from keepgate.testing.tolerances import assert_close

pytestmark = [
    pytest.mark.skipif(engines()["native"] != "yes", reason="the native engine does not run here"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated"),  # torch itself, at the first forward mode
]

STEPS, BATCH, INPUTS, HIDDEN, MANY = 5, 2, 3, 4, 3
LENGTHS = torch.tensor([2, 5])
CELLS = ("lstm", "gru", "layer_norm(lstm)", "multiplicative_lstm")

Parameters = dict[str, Tensor]


class Case:
    """One layer, numbers for it, and functions of its parameters and input."""

    def __init__(self, cell: str, backend: str, lengths: Tensor | None) -> None:
        torch.manual_seed(0)
        options = {"bidirectional": True, "dtype": torch.float64, "backend": backend}
        self.layer = Recurrent(cell, INPUTS, HIDDEN, **options)
        self.lengths = lengths
        self.one = {name: value.detach() for name, value in self.layer.named_parameters()}
        self.many = {name: torch.stack([value, value / 2, -value]) for name, value in self.one.items()}
        self.x = torch.randn(STEPS, BATCH, INPUTS, dtype=torch.float64)
        self.xs = torch.randn(MANY, STEPS, BATCH, INPUTS, dtype=torch.float64)
        self.along = torch.randn_like(self.x)
        self.pull = torch.randn(STEPS, BATCH, 2 * HIDDEN, dtype=torch.float64)

    def scan(self, parameters: Parameters, x: Tensor) -> Tensor:
        return functional_call(self.layer, parameters, (x,), {"lengths": self.lengths})[0]

    def of_x(self, x: Tensor) -> Tensor:
        return self.scan(self.one, x)

    def loss(self, parameters: Parameters, x: Tensor) -> Tensor:
        return self.scan(parameters, x).square().sum()

    def loss_of_x(self, x: Tensor) -> Tensor:
        return self.loss(self.one, x)


def total(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda *values: function(*values).sum()


def through_backward(case: Case, *, population: bool) -> list[Tensor]:
    """Return gradients as `backward` leaves them on the leaves, around a `vmap`."""
    leaves = tree_map(lambda t: t.clone().requires_grad_(), (case.many if population else case.one, case.xs))
    vmap(case.scan, (0 if population else None, 0))(*leaves).square().sum().backward()
    return [leaf.grad for leaf in tree_leaves(leaves)]


def some_shared(case: Case) -> Parameters:
    def loss(parameters: Parameters) -> Tensor:
        name = "weight_hh_l0"
        own = torch.stack([parameters[name], 2 * parameters[name]])
        return vmap(lambda w, x: case.loss(parameters | {name: w}, x))(own, case.xs[:2]).sum()

    return grad(loss)(case.one)


def in_forward_mode(case: Case) -> Tensor:
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(case.of_x(forward_ad.make_dual(case.x, case.along))).tangent


TRANSFORMS: dict[str, Callable[[Case], object]] = {
    "vmap over weights": lambda c: vmap(c.scan, (0, None))(c.many, c.x),
    "vmap over both": lambda c: vmap(c.scan)(c.many, c.xs),
    "vmap over x": lambda c: vmap(c.of_x)(c.xs),
    "vmap over the last dimension of x": lambda c: vmap(c.of_x, -1, -1)(c.xs.movedim(0, -1)),
    "vmap over weights of vmap over x": lambda c: vmap(lambda p: vmap(lambda x: c.scan(p, x))(c.xs))(c.many),
    "vmap over x of vmap over weights": lambda c: vmap(lambda x: vmap(lambda p: c.scan(p, x))(c.many))(c.xs),
    "gradient": lambda c: grad(c.loss, (0, 1))(c.one, c.x),
    "gradients of each sample": lambda c: vmap(grad(c.loss), (None, 0))(c.one, c.xs),
    "gradients of a population": lambda c: vmap(grad(c.loss, (0, 1)), (0, None))(c.many, c.x),
    "gradient of vmap over weights": lambda c: grad(lambda p, x: vmap(c.loss, (0, None))(p, x).sum(), (0, 1))(
        c.many, c.x
    ),
    "gradient of vmap over x": lambda c: grad(lambda p, x: vmap(c.loss, (None, 0))(p, x).sum(), (0, 1))(c.one, c.xs),
    "gradient of vmap, some weights shared": some_shared,
    "backward of a population": lambda c: through_backward(c, population=True),
    "backward of vmap over x": lambda c: through_backward(c, population=False),
    "pullback, called later": lambda c: vjp(c.scan, c.one, c.x)[1](c.pull),
    "pullback of a population, called later": lambda c: vjp(vmap(c.scan), c.many, c.xs)[1](
        torch.stack([c.pull] * MANY)
    ),
    "jacrev": lambda c: jacrev(c.scan, (0, 1))(c.one, c.x),
    "jacrev of each of a population": lambda c: vmap(jacrev(c.scan), (0, None))(c.many, c.x),
    "jacobian, vectorized": lambda c: torch.autograd.functional.jacobian(c.of_x, c.x, vectorize=True),
    "jvp": lambda c: jvp(c.scan, (c.one, c.x), (tree_map(torch.ones_like, c.one), c.along)),
    "jvp along x alone": lambda c: jvp(c.of_x, (c.x,), (c.along,)),
    "forward mode": in_forward_mode,
    "jacfwd": lambda c: jacfwd(c.of_x)(c.x),
    "jvp of a population": lambda c: jvp(lambda x: vmap(c.scan, (0, None))(c.many, x), (c.x,), (c.along,)),
    "vmap of jvp": lambda c: vmap(lambda x: jvp(c.of_x, (x,), (c.along,)))(c.xs),
    "gradient of gradient": lambda c: grad(lambda x: grad(c.loss_of_x)(x).square().sum())(c.x),
    "gradient of gradient of each sample": lambda c: vmap(grad(lambda x: grad(c.loss_of_x)(x).square().sum()))(c.xs),
    "gradient of jvp": lambda c: grad(lambda x: jvp(c.of_x, (x,), (c.along,))[1].square().sum())(c.x),
    "jvp of gradient": lambda c: jvp(grad(c.loss_of_x), (c.x,), (c.along,)),
    "jvp of jvp": lambda c: jvp(lambda x: jvp(c.of_x, (x,), (c.along,))[1], (c.x,), (c.along,)),
    "hessian": lambda c: hessian(c.loss_of_x)(c.x),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["", "lengths"])
def test_as_the_reference(lengths: Tensor | None, transform: str):
    check(TRANSFORMS[transform], "lstm", lengths)


@pytest.mark.parametrize("cell", CELLS[1:])
@pytest.mark.parametrize("transform", ["gradients of a population", "gradient of vmap over weights", "jvp of gradient"])
def test_other_cells(cell: str, transform: str):
    check(TRANSFORMS[transform], cell, LENGTHS)


@pytest.mark.parametrize(
    "transform", ["gradients of a population", "gradient of vmap over x", "hessian", "vmap over both"]
)
def test_without_recording(transform: str):
    """A transform finds its gradients where recording is off around it."""
    with torch.no_grad():
        check(TRANSFORMS[transform], "lstm", LENGTHS)


def check(transform: Callable[[Case], object], cell: str, lengths: Tensor | None) -> None:
    got, wanted = (transform(Case(cell, backend, lengths)) for backend in ("native", "reference"))
    leaves = tree_leaves(wanted)
    assert any(leaf.any() for leaf in leaves)
    for value, right in zip(tree_leaves(got), leaves, strict=True):
        assert_close("result", value, right)


def test_a_population_is_the_loop():
    """Each network has the very bits that it has alone."""
    case = Case("lstm", "native", LENGTHS)
    together = vmap(grad(case.loss))(case.many, case.xs), vmap(case.scan)(case.many, case.xs)
    for i in range(MANY):
        own = {name: value[i] for name, value in case.many.items()}
        assert torch.equal(together[1][i], case.scan(own, case.xs[i]))
        for name, value in grad(case.loss)(own, case.xs[i]).items():
            assert torch.equal(together[0][name][i], value), name


def test_samples_are_the_loop():
    case = Case("lstm", "native", LENGTHS)
    together = vmap(grad(case.loss), (None, 0))(case.one, case.xs), vmap(case.of_x)(case.xs)
    for i in range(MANY):
        assert torch.equal(together[1][i], case.of_x(case.xs[i]))
        for name, value in grad(case.loss)(case.one, case.xs[i]).items():
            assert torch.equal(together[0][name][i], value), name


def test_a_population_is_one_call(monkeypatch: pytest.MonkeyPatch):
    """Also of populations: ten times three networks; and many inputs of one network are one scan of more rows."""
    sizes = []
    run = Native.run_forward

    def run_forward(self: Native, spec: Spec, keep: bool, networks: tuple[int, ...], tensors: Tensors) -> Results:
        sizes.append(networks)
        return run(self, spec, keep, networks, tensors)

    monkeypatch.setattr(Native, "run_forward", run_forward)
    layer = LSTM(INPUTS, HIDDEN, backend="native")
    one = {name: value.detach() for name, value in layer.named_parameters()}
    many = {name: torch.stack([value] * MANY) for name, value in one.items()}
    xs = torch.randn(10, STEPS, BATCH, INPUTS)
    vmap(lambda x: vmap(lambda p: functional_call(layer, p, (x,))[0])(many))(xs)
    vmap(lambda x: functional_call(layer, one, (x,))[0])(xs)
    assert sizes == [(10 * MANY,), ()]


def test_random_bits_are_those_of_each_network_alone():
    """A seed is one for all networks of a population: their noise is the same, as on the reference."""

    def run(backend: str) -> Tensor:
        layer = Recurrent("zoneout(lstm, 0.5)", INPUTS, HIDDEN, dtype=torch.float64, backend=backend)
        torch.manual_seed(0)
        one = {name: torch.randn_like(value) for name, value in layer.named_parameters()}
        xs = torch.randn(MANY, STEPS, BATCH, INPUTS, dtype=torch.float64)
        torch.manual_seed(1)
        return vmap(lambda x: functional_call(layer, one, (x,))[0], randomness="same")(xs)

    assert_close("noisy outputs", run("native"), run("reference"))


def test_gradcheck_of_every_kind():
    torch.manual_seed(0)
    layer = LSTM(2, 3, dtype=torch.float64, backend="native")
    names, values = zip(*layer.named_parameters(), strict=True)
    x = torch.randn(3, 2, 2, dtype=torch.float64)

    def function(*leaves: Tensor) -> tuple[Tensor, ...]:
        output, state = functional_call(layer, dict(zip(names, leaves, strict=False)), (leaves[-1],))
        return output, *state

    leaves = [value.detach().clone().requires_grad_() for value in (*values, x)]
    forward = {"check_forward_ad": True, "check_batched_forward_grad": True}
    assert torch.autograd.gradcheck(function, leaves, check_batched_grad=True, **forward)
    checks = {"check_fwd_over_rev": True, "check_batched_grad": True, "fast_mode": True}
    assert torch.autograd.gradgradcheck(function, leaves, **checks)


@pytest.mark.filterwarnings("ignore")  # the compiler warns of what it does itself
@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_compiled_models(backend: str):
    """`torch.compile` leaves the scan as it is, and the numbers too."""
    torch.compiler.reset()
    torch.manual_seed(0)
    x = torch.randn(STEPS, BATCH, INPUTS)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.out = LSTM(INPUTS, HIDDEN, backend="native"), nn.Linear(HIDDEN, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.out(self.lstm(x.sin())[0]).cos()

    model = Model()
    compiled = torch.compile(model, backend=backend)
    torch.testing.assert_close(compiled(x), model(x))
    got, wanted = (torch.autograd.grad(m(x).square().sum(), model.parameters()) for m in (compiled, model))
    torch.testing.assert_close(got, wanted)
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), model(x))
