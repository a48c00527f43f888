from __future__ import annotations

import pytest

from keepgate.export.polynomial import ONE, Atom, atom, constant
from keepgate.export.reading import SIGMOID, Activation, OtherError, as_activation, as_output_activation, factors, need

A, B, C = atom("a"), atom("b"), atom("c")
HALF = constant(0.5)


def of(op, argument=A):
    return atom(op, (), (argument,))


@pytest.mark.parametrize(
    ("value", "activation", "argument"),
    [
        (of("tanh"), Activation("Tanh"), A),
        (of("tanh").scaled(2.0), Activation("ScaledTanh", 2.0, 1.0), A),
        (of("sigmoid"), SIGMOID, A),
        (of("relu", A + B), Activation("Relu"), A + B),
        (of("softplus"), Activation("Softplus"), A),
        (ONE - of("sigmoid"), SIGMOID, A.scaled(-1.0)),  # 1 - s(a) = s(-a)
        (of("sigmoid") - HALF, Activation("ScaledTanh", 0.5, 1.0), A.scaled(0.5)),  # = tanh(a / 2) / 2
        (of("sigmoid").scaled(4.0) - constant(2.0), Activation("ScaledTanh", 2.0, 1.0), A.scaled(0.5)),
        (atom("divide", (), (A, ONE + of("absolute"))), Activation("Softsign"), A),
        (A + B, Activation("Affine", 1.0, 0.0), A + B),
        (of("sigmoid").scaled(2.0), Activation("Affine", 1.0, 0.0), of("sigmoid").scaled(2.0)),
        (of("relu") + ONE, Activation("Affine", 1.0, 0.0), of("relu") + ONE),
        (atom("divide", (), (A, ONE + of("absolute", B))), Activation("Affine", 1.0, 0.0), None),
    ],
)
def test_activations(value, activation, argument):
    assert as_activation(value) == (activation, value if argument is None else argument)


@pytest.mark.parametrize(
    ("value", "activation"),
    [
        (of("tanh", C), Activation("Tanh")),
        (of("tanh", C.scaled(3.0)), Activation("ScaledTanh", 1.0, 3.0)),
        (of("tanh", C.scaled(3.0)).scaled(2.0), Activation("ScaledTanh", 2.0, 3.0)),
        (C.scaled(3.0), Activation("Affine", 3.0, 0.0)),
        (of("relu", C), Activation("Relu")),
    ],
)
def test_activations_of_the_memory(value, activation):
    assert as_output_activation(value, C) == activation


@pytest.mark.parametrize("value", [of("tanh"), of("tanh", C + A), of("relu", C.scaled(2.0)), of("tanh", C) + ONE])
def test_what_is_none_of_the_memory(value):
    with pytest.raises(OtherError):
        as_output_activation(value, C)


def test_ways_to_write_a_value_as_gate_times_something():
    assert set(map(str, factors(A * B))) == {str((A, B)), str((B, A)), str((ONE, A * B))}
    coupled = (ONE - A) * B
    assert any(gate == ONE - A and other == B for gate, other in factors(coupled))
    for gate, other in factors(coupled):
        assert gate * other == coupled


def test_a_reading_is_given_up():
    need(True)
    with pytest.raises(OtherError):
        need(False)
    assert as_activation(A)[1].single == (1.0, Atom("a"))
