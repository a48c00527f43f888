"""Which operator a cell is depends on its equations, not on how or under which names they were written."""

from __future__ import annotations

import pytest

from export.running import BOUND, operators, recurrent, worst
from keepgate import cells, export
from keepgate.equations import Cell, absolute, affine, maximum, minimum, relu, sigmoid, softplus, tanh, vector


def clipped(value, bound=0.5):
    return minimum(maximum(value, -bound), bound)


class Renamed(Cell):
    """A peephole LSTM in other words: other names and orders, factors, biases as vectors, one gate inverted."""

    state = ("out", "memory")

    def step(self, x, last):
        write = sigmoid(affine("w", x) + 2 * affine("w", last.out, bias=False) + vector("shift"))
        keep = sigmoid(vector("peep") * last.memory + affine("k", last.out, x))
        read = 1 - sigmoid(affine("r", x, last.out) / 2)
        value = softplus(0.5 * affine("v", x, last.out) + 0.25)
        memory = value * write + last.memory * keep
        return self.State(memory=memory, out=tanh(0.5 * memory) * read)


class OneGate(Cell):
    """Input gate alone; everything is kept and read."""

    state = ("h", "c")

    def step(self, x, last):
        c = last.c + sigmoid(affine("i", x, last.h)) * tanh(affine("g", x))
        return self.State(h=tanh(c), c=c)


class Clipped(Cell):
    """Each gate bounded alike, in either order of minimum and maximum."""

    state = ("h", "c")

    def step(self, x, last):
        i = sigmoid(clipped(affine("i", x, last.h) + vector("p_i") * last.c))
        f = sigmoid(clipped(affine("f", x, last.h)))
        g = tanh(maximum(-0.5, minimum(0.5, affine("g", x, last.h))))
        o = sigmoid(clipped(affine("o", x, last.h)))
        c = f * last.c + i * g
        return self.State(h=o * tanh(c), c=c)


class Interpolated(Cell):
    """A GRU as h + z (n - h), the reset after the product, n by the logistic function."""

    def step(self, x, last):
        z, r = sigmoid(affine("z", x, last.h)), sigmoid(affine("r", x, last.h))
        n = 2 * sigmoid(affine("n", x) + (affine("n", last.h) + vector("inner")) * r) - 1
        return self.State(h=last.h + z * (n - last.h))


class WithoutReset(Cell):
    """A GRU that never resets."""

    def step(self, x, last):
        z = sigmoid(affine("z", x, last.h))
        n = tanh(affine("n", x, last.h))
        return self.State(h=z * last.h + n - n * z)


class Softsign(Cell):
    """A simple network with x / (1 + |x|), clipped."""

    def step(self, x, last):
        a = clipped(affine("n", x, last.h), 2.0)
        return self.State(h=a / (1 + absolute(a)))


SAID = {
    "LSTM": (Renamed, OneGate, Clipped, "projected(no_output_activation(peephole_lstm), 4)", "coupled(lstm)"),
    "GRU": (Interpolated, WithoutReset),
    "RNN": (Softsign, "projected(rnn, 3)"),
}


@pytest.mark.parametrize(("operator", "cell"), [(name, cell) for name, many in SAID.items() for cell in many])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=["one", "four"])
def test_said_by_an_operator(operator, cell, options):
    module = recurrent(cell, **options)
    lengths = bool(options)
    assert set(operators(export.onnx(module, lengths=lengths))) == {operator}
    assert worst(module, lengths=lengths, steps=(1, 7)) <= BOUND


def test_coupled_by_what_the_forget_gate_leaves():
    class Twice(Cell):
        state = ("h", "c")

        def step(self, x, last):
            f, g = sigmoid(affine("f", x, last.h) + vector("p") * last.c), relu(affine("g", x, last.h))
            c = g + f * (last.c - g)
            return self.State(h=c * sigmoid(affine("o", x, last.h)), c=c)

    module = recurrent(Twice)
    (node,) = [node for node in export.onnx(module).graph.node if node.op_type == "LSTM"]
    attributes = {attribute.name: attribute for attribute in node.attribute}
    assert attributes["input_forget"].i == 1
    assert list(attributes["activations"].strings) == [b"Sigmoid", b"Relu", b"Affine"]
    assert worst(module, steps=(1, 7)) <= BOUND


class TwoKindsOfGate(Cell):
    state = ("h", "c")

    def step(self, x, last):
        i, f, o = sigmoid(affine("i", x, last.h)), tanh(affine("f", x, last.h)), sigmoid(affine("o", x, last.h))
        c = f * last.c + i * tanh(affine("g", x, last.h))
        return self.State(h=o * tanh(c), c=c)


class OldMemoryRead(Cell):
    state = ("h", "c")

    def step(self, x, last):
        i, f = sigmoid(affine("i", x, last.h)), sigmoid(affine("f", x, last.h))
        o = sigmoid(affine("o", x, last.h) + vector("p") * last.c)  # the operator's peephole is of the new one
        c = f * last.c + i * tanh(affine("g", x, last.h))
        return self.State(h=o * tanh(c), c=c)


class ClippedInPart(Cell):
    state = ("h", "c")

    def step(self, x, last):
        i, f = sigmoid(clipped(affine("i", x, last.h))), sigmoid(affine("f", x, last.h))
        c = f * last.c + i * tanh(affine("g", x, last.h))
        return self.State(h=sigmoid(affine("o", x, last.h)) * tanh(c), c=c)


class ClippedMemory(Cell):
    state = ("h", "c")

    def step(self, x, last):
        i, f = sigmoid(affine("i", x, last.h)), sigmoid(affine("f", x, last.h))
        c = clipped(f * last.c + i * tanh(affine("g", x, last.h)))
        return self.State(h=sigmoid(affine("o", x, last.h)) * tanh(c), c=c)


class TwoResets(Cell):
    def step(self, x, last):
        z, r, s = (sigmoid(affine(gate, x, last.h)) for gate in "zrs")
        n = tanh(affine("n", x, a=r * last.h, b=s * last.h))
        return self.State(h=(1 - z) * n + z * last.h)


class Leaky(Cell):
    def step(self, x, last):
        return self.State(h=0.9 * last.h + 0.1 * tanh(affine("n", x, last.h)))


@pytest.mark.parametrize("cell", [TwoKindsOfGate, OldMemoryRead, ClippedInPart, ClippedMemory, TwoResets, Leaky])
def test_near_an_operator_is_not_it(cell):
    module = recurrent(cell)
    assert operators(export.onnx(module)) == ["Scan"]
    assert worst(module, steps=(1, 7)) <= BOUND


def test_a_renamed_cell_stays_what_it_is():
    equations = cells.get("gru").equations.rewrite(lambda node, args: None, "my own")
    assert operators(export.onnx(recurrent(equations))) == ["GRU"]
