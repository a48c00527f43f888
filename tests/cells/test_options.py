"""Options of cells: what is out of its range is named; the numbers reach the equations."""

from __future__ import annotations

import pytest

from keepgate import cells
from keepgate.errors import InputError


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("cornn(0.0)", "dt is above 0; got 0.0"),
        ("cornn(dt='a')", "dt is a finite number; got 'a'"),
        ("cornn(dt=True)", "dt is a finite number; got True"),
        ("janet(1e999)", "beta is a finite number; got inf"),
        ("scrn(1.5)", "alpha is from 0 to 1; got 1.5"),
        ("rhn(0)", "depth is a whole number from 1 to 100; got 0"),
        ("rhn(2.0)", "depth is a whole number from 1 to 100; got 2.0"),
        ("tau_gru(101)", "delay is a whole number from 1 to 100; got 101"),
    ],
)
def test_what_is_out_of_range_is_named(spec: str, message: str):
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        cells.get(spec)


def test_options_reach_the_equations():
    assert "0.25" in str(cells.get("cornn(dt=0.25)").equations)
    assert len(cells.get("tau_gru(3)").state) == 4
    assert sum(name.startswith("weight") for name, *_ in cells.get("rhn(5)").equations.parameters(2, 3)) == 6
