from __future__ import annotations

import re

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.meta import FAMILIES, Family
from keepgate.meta.families import family_of


def drawn(name, examples=6, batch=20_000):
    return FAMILIES[name](examples, batch, np.random.default_rng(3))


def test_quadratics_have_the_moments_of_uniform_coefficients_and_are_quadratic():
    x, y = drawn("quadratic", 12)
    assert x.shape == (12, 20_000, 2)
    assert np.abs(x).max() <= 1
    # E y² = (E u⁴ + E v⁴ + E u² v² + E u² + E v² + 1) / 3 for coefficients of variance 1/3
    assert np.square(y).mean() == pytest.approx((1 / 5 + 1 / 5 + 1 / 9 + 1 / 3 + 1 / 3 + 1) / 3, rel=0.01)
    u, v = x[:, 0].T
    terms = np.stack([u * u, v * v, u * v, u, v, np.ones(12)], 1)
    found, left, *_ = np.linalg.lstsq(terms, y[:, 0], rcond=None)
    assert left.max() < 1e-20  # twelve examples lie on a function of six coefficients
    assert np.abs(found).max() <= 1


def test_linear_functions_are_linear_and_their_variance_is_that_of_their_terms():
    x, y = drawn("linear")
    assert y.var() == pytest.approx((1 / 3 + 1 / 3 + 1) / 3, rel=0.02)
    terms = np.concatenate([x[:, 0], np.ones((6, 1))], 1)
    assert np.linalg.lstsq(terms, y[:, 0], rcond=None)[1].max() < 1e-20


def test_sines_have_a_period_of_two_pi_and_the_variance_of_their_amplitude():
    x, y = drawn("sine")
    terms = np.concatenate([np.sin(x[:, 0]), np.cos(x[:, 0])], 1)
    found, left, *_ = np.linalg.lstsq(terms, y[:, 0], rcond=None)
    assert left.max() < 1e-20
    assert 0.1 <= np.hypot(*found[:, 0]) <= 5
    # E A² = (5³ - 0.1³) / (3 · 4.9); E sin²(x - p) = 1/2 - sin(10) E cos(2p) / 20, and E cos(2p) = 0 on [0, π]
    assert np.square(y).mean() == pytest.approx((5**3 - 0.1**3) / (3 * 4.9) / 2, rel=0.02)


def test_boolean_functions_are_all_sixteen_equally_often():
    x, y = drawn("boolean", 60, 3_200)
    assert set(np.unique(x)) == {0, 1}
    tables = np.zeros((3_200, 4), int)
    for row in range(4):
        here = 2 * x[..., 0] + x[..., 1] == row
        tables[:, row] = np.where(here, y, 0).max(0)
        assert (np.where(here, y, tables[:, row]) == tables[:, row]).all()  # a function: one output for an input
    counts = np.bincount(tables @ [8, 4, 2, 1], minlength=16)
    assert np.square(counts - 200).sum() / 200 < 37.7  # chi-squared, 15 degrees, p = 0.001


def test_a_callable_is_a_family_under_its_own_name():
    def steps(examples, batch, random):
        x = random.uniform(-1, 1, (examples, batch, 1))
        return x, np.sign(x)

    family = family_of(steps)
    assert family.name == "steps"
    assert family(3, 2, np.random.default_rng(0))[1].shape == (3, 2, 1)
    assert family_of(family) is family


def given(x, y, classes=0):
    return Family("mine", lambda examples, batch, random: (x, y), classes)


X, Y = np.zeros((3, 2, 1)), np.zeros((3, 2, 1))
HOLE = np.where(np.arange(6).reshape(3, 2, 1) == 3, np.nan, 0.0)


@pytest.mark.parametrize(
    ("family", "said"),
    [
        (given(X[:2], Y), "family 'mine': the inputs have the shape [2, 2, 1], expected [3, 2, width]"),
        (given(X, Y[..., 0]), "family 'mine': the outputs have the shape [3, 2], expected [3, 2, width]"),
        (given(X, Y, 2), "family 'mine': the outputs have the shape [3, 2, 1], expected [3, 2]"),
        (given(HOLE, Y), "family 'mine': the inputs at [1, 1, 0] are nan, no finite number"),
        (given(X, HOLE[..., 0], 2), "family 'mine': the outputs at [1, 1] are nan, no finite number"),
        (given(X, Y[..., 0] + 2, 2), "family 'mine': the outputs at [0, 0] are 2, no class from 0 to 1"),
        (given(X, "a"), "family 'mine': the outputs are no array of numbers: could not convert string to float: 'a'"),
        (Family("mine", lambda *_: X), "family 'mine' has to return inputs and outputs, got ndarray"),
        (Family("mine", lambda *_: 1 / 0), "family 'mine' fails to draw: ZeroDivisionError: division by zero"),
    ],
)
def test_what_is_wrong_with_a_family_is_named(family, said):
    with pytest.raises(InputError, match=f"^{re.escape(said)}$"):
        family(3, 2, np.random.default_rng(0))


def test_a_family_that_is_unknown_is_named():
    with pytest.raises(
        InputError, match="family 'cubic' is unknown: name 'linear', 'quadratic', 'sine', 'boolean', or give"
    ):
        family_of("cubic")
