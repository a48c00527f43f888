from __future__ import annotations

from dataclasses import dataclass

import pytest

from keepgate.errors import InputError
from keepgate.maps import DENSE, Dense, Map
from keepgate.maps.map import MAPS, map_from_json


@pytest.fixture
def strided():
    """A map of a user, which is forgotten again."""

    @dataclass(frozen=True)
    class Strided(Map):
        kernel: int
        step: int = 1

        def weight_shape(self, gates, width, source_width):
            return gates * width, source_width, self.kernel

        def widths(self, shape, gates):
            return shape[0] // gates, shape[1]

        def fan_in(self, source_width):
            return source_width * self.kernel

    yield Strided
    del MAPS["strided"]


def test_a_map_goes_to_json_and_back(strided):
    assert strided(3, 2).to_json() == {"kind": "strided", "kernel": 3, "step": 2}
    assert map_from_json(strided(3, 2).to_json()) == strided(3, 2)
    assert map_from_json(DENSE.to_json()) == DENSE == Dense()


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "3", None, 2**31])
def test_fields_are_whole_numbers_from_1_on(strided, value):
    with pytest.raises(InputError, match=r"^kernel of Strided is an integer from 1 on, got "):
        strided(value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "^None is no kind of map; there are convolution, dense, "),
        ({"kind": 7}, "^7 is no kind of map"),
        ({"kind": "os"}, "^'os' is no kind of map"),
        ({"kind": "strided", "kernel": 3}, r"^the map strided has the fields \['kernel', 'step'\], got \['kernel'\]$"),
        ({"kind": "dense", "kernel": 3}, r"^the map dense has the fields \[\], got \['kernel'\]$"),
        ({"kind": "strided", "kernel": [3], "step": 1}, r"^kernel of Strided is an integer from 1 on, got \[3\]$"),
    ],
)
def test_damaged_maps_are_refused(strided, data, words):
    with pytest.raises(InputError, match=words):
        map_from_json(data)
