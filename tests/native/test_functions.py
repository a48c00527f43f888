"""Elementary functions: errors as native/src/functions.h states them, and the same bits in every instruction set."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from keepgate.equations import Cell, affine, maximum, minimum, relu, sigmoid, vector
from keepgate.native import engine
from keepgate.native.plan import OPCODES
from keepgate.nn import Recurrent
from native.process import SETS

pytestmark = [
    pytest.mark.skipif(not SETS, reason="the native core is not built"),
    pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning"),  # NumPy at infinities, where we want them
]

KIND = {np.float32: torch.float32, np.float64: torch.float64}
WIDER = {np.float32: np.float64, np.float64: np.longdouble}
TYPES = pytest.mark.parametrize("dtype", WIDER)
EXACT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "softplus": lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    "tanh": np.tanh,
}
ULPS = {"sqrt": 0.5, "exp": 1.1, "log": 2.1, "sigmoid": 2.6, "softplus": 3.0, "tanh": 3.2}
FUNCTIONS = pytest.mark.parametrize("name", EXACT)

# Format of native/src/functions.h: where exp is 0 and where it ends, and below which sigmoid is 0.
ZERO, LARGEST, SIGMOID_BOUND = (
    dict(zip(WIDER, pair, strict=True)) for pair in ((-104.0, -745.2), (88.72, 709.78), (86.0, 706.0))
)


@pytest.fixture
def sets() -> Iterator[list[str]]:
    """Instruction sets of this machine; afterwards the one in use is chosen again."""
    yield [name for name, here in SETS.items() if here]
    engine._core.choose(engine.instruction_set())


def apply(name: str, x: np.ndarray) -> np.ndarray:
    """Return a function of a dense array, computed by the core."""
    engine.instruction_set()
    y = np.full_like(x, 77)
    compute = engine._core.function_single if x.dtype == np.float32 else engine._core.function_double
    compute(OPCODES[name], x.ctypes.data, y.ctypes.data, x.size)
    return y


def grid(dtype: type) -> np.ndarray:
    """Both signs: dense where functions bend, and all magnitudes; an odd number of points."""
    limits = np.finfo(dtype)
    magnitudes = np.exp2(np.linspace(np.log2(limits.tiny) - limits.nmant, limits.maxexp - 1e-3, 60_001))
    dense = [np.linspace(0, 1, 80_001), np.linspace(1, 50, 80_001), np.linspace(50, 1.2 * LARGEST[dtype], 80_001)]
    x = np.concatenate([*dense, magnitudes]).astype(dtype)
    return np.unique(np.concatenate([x, -x]))


def ulps(got: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the error of each number in units in the last place of the number nearest to the true one."""
    near = np.maximum(np.abs(wanted.astype(got.dtype)), np.finfo(got.dtype).tiny)
    return np.abs(got.astype(wanted.dtype) - wanted) / np.spacing(near).astype(wanted.dtype)


def domain(name: str, dtype: type) -> np.ndarray:
    """Return where the bound on the error holds."""
    x = grid(dtype)
    low = {"sqrt": 0, "log": np.finfo(dtype).smallest_subnormal, "sigmoid": -SIGMOID_BOUND[dtype]}
    high = LARGEST[dtype] if name == "exp" else np.inf
    return x[(x >= low.get(name, -np.inf)) & (x <= high)]


@FUNCTIONS
@TYPES
def test_error(name: str, dtype: type):
    if np.finfo(WIDER[dtype]).nmant < np.finfo(dtype).nmant + 10:
        pytest.skip("long double is no wider than double here, so there is nothing to compare with")
    x = domain(name, dtype)
    error = ulps(apply(name, x), EXACT[name](x.astype(WIDER[dtype])))
    worst = error.argmax()
    assert error[worst] <= ULPS[name], f"{error[worst]:.2f} units in the last place at {x[worst]!r}"


@FUNCTIONS
@TYPES
def test_same_bits_in_every_instruction_set(name: str, dtype: type, sets: list[str]):
    x = np.append(grid(dtype), np.array([0, -0.0, np.inf, -np.inf], dtype))
    found = {}
    for instruction_set in sets:
        assert engine._core.choose(instruction_set)
        found[instruction_set] = apply(name, x)
    bits = f"u{np.dtype(dtype).itemsize}"
    for y in found.values():
        same = (y.view(bits) == found[sets[0]].view(bits)) | (np.isnan(y) & np.isnan(found[sets[0]]))
        assert same.all(), x[~same]


@FUNCTIONS
@TYPES
def test_any_count_gives_the_same_numbers(name: str, dtype: type):
    """The end of a row is computed as its middle is, and nothing past it is written."""
    x = np.abs(np.random.default_rng(0).normal(size=70)).astype(dtype)
    whole = apply(name, x)
    for count in range(40):
        y = apply(name, x[:count].copy())
        np.testing.assert_array_equal(y, whole[:count])
    y = np.full(9, 77, dtype)
    part = np.ascontiguousarray(x[:5])
    compute = engine._core.function_single if dtype == np.float32 else engine._core.function_double
    compute(OPCODES[name], part.ctypes.data, y.ctypes.data, 5)
    assert (y[5:] == 77).all()


INF, NAN = np.inf, np.nan
EDGES = {
    "sqrt": [(0.0, 0.0), (-0.0, -0.0), (1.0, 1.0), (INF, INF), (-INF, NAN), (-1.0, NAN)],
    "exp": [(0.0, 1.0), (-0.0, 1.0), (710.0, INF), (-746.0, 0.0), (1e30, INF), (-1e30, 0.0), (INF, INF), (-INF, 0.0)],
    "log": [(0.0, -INF), (-0.0, -INF), (1.0, 0.0), (INF, INF), (-INF, NAN), (-1.0, NAN), (-1e-40, NAN)],
    "sigmoid": [
        (0.0, 0.5),
        (-0.0, 0.5),
        (60.0, 1.0),
        (1e30, 1.0),
        (INF, 1.0),
        (-707.0, 0.0),
        (-1e30, 0.0),
        (-INF, 0.0),
    ],
    "softplus": [(700.0, 700.0), (-746.0, 0.0), (1e30, 1e30), (-1e30, 0.0), (INF, INF), (-INF, 0.0)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (1e-40, 1e-40), (60.0, 1.0), (-60.0, -1.0), (INF, 1.0), (-INF, -1.0)],
}


@FUNCTIONS
@TYPES
def test_edges(name: str, dtype: type):
    x, wanted = np.array(EDGES[name], dtype).T.copy()
    got = apply(name, x)
    np.testing.assert_array_equal(got, wanted)
    numbers = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(got)[numbers], np.signbit(wanted)[numbers])


@TYPES
def test_ends_of_the_range(dtype: type):
    limits, x = np.finfo(dtype), np.append(grid(dtype), np.array([np.inf, -np.inf], dtype))
    half = np.log(WIDER[dtype](limits.smallest_subnormal) / 2)  # what is smaller rounds to 0
    assert 0 < half - ZERO[dtype] < 0.1
    assert 0 < np.log(limits.max) - LARGEST[dtype] < 0.007
    largest, bound = dtype(LARGEST[dtype]), dtype(SIGMOID_BOUND[dtype])
    exp = apply("exp", x)
    assert (exp[x < half] == 0).all()
    assert (exp[x > half + 1e-4] > 0).all()
    assert np.isposinf(apply("exp", x[x > largest])).all()
    assert np.isfinite(apply("exp", x[x <= largest])).all()
    softplus = apply("softplus", x)
    assert (softplus >= x).all()
    closed, rest = apply("sigmoid", x[x < -bound]), apply("sigmoid", x[x >= -bound])
    assert (closed == 0).all()
    assert 0 < rest.min() < {np.float32: 5e-38, np.float64: 3e-307}[dtype]
    assert (rest <= 1).all()
    assert (np.abs(apply("tanh", x)) <= 1).all()


@FUNCTIONS
@TYPES
def test_nan_gives_nan(name: str, dtype: type):
    quiet = np.array([np.nan, -np.nan], dtype)
    assert np.isnan(apply(name, np.resize(quiet, 37))).all()


class Extremes(Cell):
    """The smaller of two vectors, and the larger."""

    state = ("h", "m")

    def step(self, x, last):
        a, b = vector("a", 0.0), vector("b", 0.0)
        return self.State(h=minimum(a + 0.0 * affine("z", x, last.h), b), m=maximum(a, b + 0.0 * last.m))


@TYPES
def test_extremes_hand_on_nan_as_torch_does(dtype: type):
    kind = KIND[dtype]
    layer = Recurrent(Extremes(), 2, 4, backend="native", dtype=kind).eval()  # in training, NaN in weights is refused
    values = {"a_l0": [1.0, NAN, 1.0, NAN], "b_l0": [2.0, 2.0, NAN, NAN]}
    with torch.no_grad():
        for name, value in values.items():
            layer.get_parameter(name).copy_(torch.tensor(value))
        _, (h, m) = layer(torch.zeros(1, 1, 2, dtype=kind))
    a, b = (torch.tensor(value, dtype=kind) for value in values.values())
    torch.testing.assert_close(h[0, 0], torch.minimum(a, b), rtol=0, atol=0, equal_nan=True)
    torch.testing.assert_close(m[0, 0], torch.maximum(a, b), rtol=0, atol=0, equal_nan=True)


class Gate(Cell):
    """Something multiplied by a gate."""

    def step(self, x, last):
        return self.State(h=sigmoid(affine("f", x)) * affine("z", x))


BACKENDS = pytest.mark.parametrize("backend", ["native", "reference"])


def layer_of(cell: Cell, backend: str, dtype: type, *weights: float) -> Recurrent:
    """Return a layer of one unit with these weights of its input, and no biases."""
    layer = Recurrent(cell, 1, 1, bias=False, backend=backend, dtype=KIND[dtype]).eval()
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor(weights)[:, None])
    return layer


@BACKENDS
@TYPES
def test_a_gate_that_a_huge_input_shuts_has_no_slope(backend: str, dtype: type):
    layer = layer_of(Gate(), backend, dtype, -1.0, 1.0)
    output, _ = layer(torch.full((1, 1, 1), 1e30, dtype=KIND[dtype]))
    output.sum().backward()
    assert not output.any()
    assert not layer.weight_ih_l0.grad.any()


@BACKENDS
@TYPES
def test_infinity_through_a_shut_gate_is_no_number(backend: str, dtype: type):
    output, _ = layer_of(Gate(), backend, dtype, -1.0, 1.0)(torch.full((1, 1, 1), INF, dtype=KIND[dtype]))
    assert output.isnan().all()


class Rectified(Cell):
    """What rectification lets through."""

    def step(self, x, last):
        return self.State(h=relu(affine("z", x)))


@BACKENDS
@TYPES
def test_the_slope_of_relu_is_torchs_at_nan_too(backend: str, dtype: type):
    numbers = torch.tensor([NAN, 2.0, -2.0, 0.0, INF, -INF], dtype=KIND[dtype])
    ours, theirs = numbers.reshape(1, 6, 1).requires_grad_(), numbers.clone().requires_grad_()
    layer_of(Rectified(), backend, dtype, 1.0)(ours)[0].sum().backward()
    torch.relu(theirs).sum().backward()
    assert torch.equal(ours.grad.flatten(), theirs.grad)
