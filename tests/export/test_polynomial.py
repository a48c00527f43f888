from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepgate.equations import Cell, affine, sigmoid, tanh
from keepgate.export.polynomial import ONE, Atom, NormalForm, Polynomial, atom, constant

A, B, C = atom("a"), atom("b"), atom("c")
POLYNOMIALS = st.recursive(
    st.sampled_from([A, B, C, ONE, constant(2.0), constant(0.0)]),
    lambda inner: st.one_of(
        st.builds(lambda x, y: x + y, inner, inner),
        st.builds(lambda x, y: x * y, inner, inner),
        st.builds(lambda x, y: x - y, inner, inner),
        st.builds(lambda x: x.scaled(-3.0), inner),
    ),
    max_leaves=6,
)


def value(polynomial, **at):
    """Of the polynomial where its atoms have these values, exactly."""
    total = Fraction(0)
    for atoms, factor in polynomial.terms:
        term = Fraction(factor)
        for one in atoms:
            term *= at[one.op]
        total += term
    return total


@given(POLYNOMIALS, POLYNOMIALS)
def test_arithmetic_is_that_of_the_values(x, y):
    at = {"a": 5, "b": -3, "c": 7}
    assert value(x + y, **at) == value(x, **at) + value(y, **at)
    assert value(x - y, **at) == value(x, **at) - value(y, **at)
    assert value(x * y, **at) == value(x, **at) * value(y, **at)
    assert value(x.scaled(0.5), **at) == value(x, **at) / 2


@given(POLYNOMIALS, POLYNOMIALS, POLYNOMIALS)
def test_notation_is_no_matter(x, y, z):
    assert x + y == y + x
    assert x * y == y * x
    assert (x + y) + z == x + (y + z)
    assert x * (y + z) == x * y + x * z
    assert x - x == constant(0.0)


@given(POLYNOMIALS)
def test_a_quotient_and_a_rest_make_the_whole(x):
    quotient, rest = x.divided(Atom("a"))
    assert quotient * A + rest == x
    assert not any(Atom("a") in atoms for atoms, _ in rest.terms)


@pytest.mark.parametrize(
    ("x", "y", "ratio"),
    [(A.scaled(3.0), A, 3.0), (A + B, A, None), ((A + B).scaled(-2.0), A + B, -2.0), (A, constant(0.0), None)],
)
def test_ratios(x, y, ratio):
    assert x.ratio(y) == ratio


def test_parts():
    x = A.scaled(2.0) * B + constant(3.0)
    assert x.number == 3.0
    assert x.atoms == [Atom("a"), Atom("b")]
    assert x.single is None
    assert A.scaled(2.0).single == (2.0, Atom("a"))
    assert ONE.single is None
    assert constant(0.0) == Polynomial.of([]) == A.scaled(0.0)


def forms(write):
    class Tried(Cell):
        name = "tried"
        state = ("h",)

        def step(self, x, last):
            z, n = sigmoid(affine("z", x, last.h)), tanh(affine("n", x))
            return self.State(h=write(z, n, last.h))

    return NormalForm(Tried().equations).new["h"]


@pytest.mark.parametrize(
    "write",
    [
        lambda z, n, h: n + z * (h - n),
        lambda z, n, h: n - z * n + z * h,
        lambda z, n, h: z * h + -(z - 1) * n,
        lambda z, n, h: (2 * (z * h) + 2 * ((1 - z) * n)) / 2,
    ],
)
def test_a_gru_written_in_another_way_is_the_same(write):
    assert forms(write) == forms(lambda z, n, h: (1 - z) * n + z * h)


@pytest.mark.parametrize("write", [lambda z, n, h: (1 - z) * n + n * h, lambda z, n, h: (1 - z) * n + 0.5 * z * h])
def test_another_cell_is_not_the_same(write):
    assert forms(write) != forms(lambda z, n, h: (1 - z) * n + z * h)


def test_a_product_of_many_terms_is_kept_whole():
    """9 terms times 9 are above the bound: an atom of its own, which equals nothing else."""

    def many(z, n, h):
        terms = sum(tanh(k * h) for k in range(2, 10)) + z
        return terms * terms

    form = forms(many)
    assert form.single is not None
    assert form.single[1].op == "multiply"
    assert np.isfinite(form.number)
