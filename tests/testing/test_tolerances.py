from __future__ import annotations

import pytest
import torch

from keepgate.testing import TOLERANCE, assert_all_close, assert_close, error


def wide(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("got", "wanted", "by_hand"),
    [
        (wide(1.0, 2.0), wide(1.0, 2.0), 0.0),
        (wide(0.1), wide(0.35), 0.25),  # below 1 the difference itself
        (wide(1.0, 12.0), wide(2.0, 10.0), 0.2),  # above 1 relative to the largest one wanted
        (wide(), wide(), 0.0),
        (wide(torch.nan, 1.0), wide(0.0, 1.0), torch.inf),
        (wide(0.0), wide(torch.nan), torch.inf),
        (wide(torch.inf), wide(1.0), torch.finfo(torch.float64).max),
    ],
)
def test_error(got, wanted, by_hand):
    assert error(got, wanted) == pytest.approx(by_hand)


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_the_bound_is_that_of_what_was_got(dtype):
    wanted, bound = wide(1.0, -1.0), TOLERANCE[dtype]
    assert assert_close("x", (wanted * (1 + bound / 2)).to(dtype), wanted) <= bound
    with pytest.raises(AssertionError, match=rf"^x: error \S+ above {bound:.0e}$"):
        assert_close("x", (wanted * (1 + 2 * bound)).to(dtype), wanted)


def test_not_a_number_is_never_close():
    with pytest.raises(AssertionError, match=r"^x: error inf above 1e-12$"):
        assert_close("x", wide(torch.nan), wide(torch.nan))


def test_shapes_and_names_are_compared_first():
    with pytest.raises(AssertionError, match=r"^x: shape \(1, 2\), wanted \(2,\)$"):
        assert_close("x", wide(1.0, 2.0)[None], wide(1.0, 2.0))
    with pytest.raises(AssertionError, match=r"^final: \['c'\], wanted \['c', 'h'\]$"):
        assert_all_close("final", {"c": wide(1.0)}, {"h": wide(1.0), "c": wide(1.0)})
    with pytest.raises(AssertionError, match=r"^final h: error 1.0e\+00 above 1e-12$"):
        assert_all_close("final", {"h": wide(1.0)}, {"h": wide(0.0)})
    assert assert_all_close("nothing", {}, {}) == 0.0
