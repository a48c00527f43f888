"""Checks of plain data: what passes, and the one sentence that names what does not."""

import numpy as np
import pytest

from keepgate import schema
from keepgate.errors import InputError

EXAMPLE = schema.record(
    size=schema.whole(1, 65_536),
    rate=schema.optional(schema.number(0, 1e6)),
    kind=schema.choice(("audio", "ink")),
    names=schema.several(schema.text(5, least=1), 1, 3, distinct=True),
    counts=schema.table(schema.whole(0, 9)),
    pair=schema.items(schema.boolean, schema.number()),
)
RIGHT = {"size": 3, "rate": None, "kind": "ink", "names": ["a"], "counts": {"x": 1}, "pair": [True, 0.5]}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"size": 65_536},
        {"size": np.int32(5)},
        {"rate": 0},
        {"rate": np.float32(0.5)},
        {"names": ("a",)},
        {"counts": {}},
        {"pair": [np.bool_(False), -1.7e308]},
    ],
)
def test_what_is_as_it_should_be_passes(change):
    EXAMPLE("", RIGHT | change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "size=0 is not at least 1"),
        ({"size": 10**9}, "size=1000000000 is not at most 65,536"),
        ({"size": 10**5000}, "size=<int> is not at most 65,536"),
        ({"size": 1.0}, "size=1.0 is not of type int"),
        ({"size": True}, "size=True is not of type int"),
        ({"size": None}, "size=None is not of type int"),
        ({"rate": float("nan")}, "rate=nan is no finite number"),
        ({"rate": float("inf")}, "rate=inf is no finite number"),
        ({"rate": 1.5e6}, "rate=1500000.0 is not at most 1e+06"),
        ({"rate": -1}, "rate=-1 is not at least 0"),
        ({"rate": "1"}, "rate='1' is not of type float"),
        ({"kind": "video"}, "kind='video' is none of audio, ink"),
        ({"kind": []}, "kind=[] is none of audio, ink"),
        ({"names": "abc"}, "names='abc' is not of type list"),
        ({"names": []}, "the number of values of names=0 is not at least 1"),
        ({"names": list("abcd")}, "the number of values of names=4 is not at most 3"),
        ({"names": ["a", "a"]}, "names has a value twice"),
        ({"names": ["a", 5]}, "names[1]=5 is not of type str"),
        ({"names": [""]}, "names[0]='' has 0 characters, not 1 to 5"),
        ({"names": ["\ud800"]}, "names[0]='\\\\ud800' has half a surrogate pair: it is no Unicode"),
        ({"counts": {"x": 10}}, "counts['x']=10 is not at most 9"),
        ({"counts": []}, "counts=[] is not of type dict"),
        ({"pair": [1, 0.5]}, "pair[0]=1 is not of type bool"),
        ({"pair": [True]}, "the number of values of pair=1 is not at least 2"),
        ({"more": 1}, "the data has 'more', which is nothing known"),
    ],
)
def test_what_is_not_is_named(change, message):
    with pytest.raises(InputError) as caught:
        EXAMPLE("", RIGHT | change)
    assert str(caught.value) == message.replace("\\\\", "\\")


def test_what_is_missing_is_named():
    with pytest.raises(InputError, match=r"^the data lacks 'size', 'pair'$"):
        EXAMPLE("", {key: value for key, value in RIGHT.items() if key not in ("size", "pair")})
    with pytest.raises(InputError, match=r"^fitted\.size=0 is not at least 1$"):
        schema.record(fitted=EXAMPLE)("", {"fitted": RIGHT | {"size": 0}})
