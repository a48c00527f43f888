"""The normal form computes what the graph computed, with less."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from keepgate.equations import Cell, Equations, affine, compile_program, normalize, relu, sigmoid, tanh
from keepgate.equations.expression import topological
from keepgate.search.normal import normal, terms
from keepgate.testing.interpreter import Interpreter
from search.cells import graph


def ops(of) -> Counter[str]:
    return Counter(node.op for node in topological(of.values()))


class Rubble(Cell):
    """Everything that the normal form clears away."""

    state = ("h", "c", "twin", "idle")

    def step(self, x, last):
        f = sigmoid(affine("f", x) + affine("g", last.h) + 1 + 2 - 0.5)
        n = tanh(-affine("n", x, m=last.twin - last.c + last.h))
        c = relu(sigmoid(affine("o", x, last.h, last.c, last.twin))) * last.c + (1 - (1 - f)) * n
        return self.State(h=tanh(c), c=c, twin=c, idle=last.idle + f)


def test_what_is_needless_goes():
    new = normal(graph(Rubble))
    assert list(new) == ["h", "c"]
    found = ops(new)
    assert found["relu"] == 0
    assert found["subtract"] == 0
    assert [n.attrs[0] for n in topological(new.values()) if n.op == "constant"] == [2.5]
    maps = {node.attrs[0]: node for node in topological(new.values()) if node.op == "affine"}
    assert {gate: sorted(node.attrs[1]) for gate, node in maps.items()} == {
        "f": ["h", "i"],
        "n": ["h", "i"],
        "o": ["c", "h", "i"],
    }


def test_a_number_that_is_normalized_is_nothing():
    class Same(Cell):
        def step(self, x, last):
            f = sigmoid(affine("f", x, last.h))
            return self.State(h=tanh(affine("n", x, last.h)) + normalize(f - f))

    assert ops(normal(graph(Same)))["normalize"] == 0
    assert ops(normal(graph(Same)))["constant"] == 0


def test_a_map_that_is_read_elsewhere_too_is_not_merged():
    class Shared(Cell):
        def step(self, x, last):
            a = affine("a", x)
            return self.State(h=tanh(a + affine("b", last.h)) * sigmoid(a))

    assert ops(normal(graph(Shared)))["affine"] == 2


def run(equations: Equations, parameters: dict[str, np.ndarray]) -> np.ndarray:
    random = np.random.default_rng(0)
    state = {name: np.zeros((2, 4)) for name in equations.states}
    return Interpreter(compile_program(equations), parameters).forward(random.normal(size=(5, 2, 3)), state).states["h"]


class Sums(Cell):
    """Sums that are merged, with weights that can be read from those of the parts."""

    def step(self, x, last):
        return self.State(h=tanh(affine("a", x, bias=False) + (0.5 * last.h - affine("b", last.h, bias=False))))


def test_a_merged_map_computes_the_sum_of_the_maps():
    random = np.random.default_rng(1)
    w, u = random.normal(size=(4, 3)), random.normal(size=(4, 4))
    new = Equations("merged", normal(graph(Sums)))
    [node] = new.affines
    assert set(node.attrs[1]) == {"i", "h"}
    zero = np.zeros(4)
    merged = run(new, {"weight_ih": w, "weight_hh": -u, "bias_ih": zero, "bias_hh": zero})
    apart = run(Equations("apart", graph(Sums)), {"weight_ih": w, "weight_hh": u})
    assert np.abs(merged).max() > 0.1
    np.testing.assert_allclose(merged, apart, atol=1e-14)


@pytest.mark.parametrize("name", ["lstm", "gru", "mut1", "gru_cho", "peephole_lstm", "lstm_1997", "rnn"])
def test_a_known_cell_keeps_its_values(name: str):
    """But for constants of the 1997 cell, which are joined."""
    before, after = graph(name), normal(graph(name))
    assert list(before) == list(after)
    kinds = ("affine", "vector", "sigmoid", "tanh", "last")
    assert {k: ops(before)[k] for k in kinds} == {k: ops(after)[k] for k in kinds}


def test_the_terms_of_a_sum_have_signs():
    class Minus(Cell):
        def step(self, x, last):
            return self.State(h=tanh(last.h - (affine("a", x) - relu(last.h))))

    value = graph(Minus)["h"].args[0]
    uses = Counter(arg.serial for node in topological([value]) for arg in node.args)
    assert [(sign, node.op) for sign, node in terms(value, uses)] == [(1, "last"), (-1, "affine"), (1, "relu")]
