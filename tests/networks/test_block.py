from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from keepgate import cells
from keepgate.errors import InputError
from keepgate.networks import FLOAT, FLOAT64, INT64, Linear, Recurrent, Value
from keepgate.networks.block import BLOCKS, Block, block_from_json, option, sequence


@pytest.fixture
def kind():
    """A block of a user, which is forgotten again."""

    @dataclass(frozen=True)
    class Sized(Block):
        sources = ("x", "[lengths]")
        size: int = option("a size from 1 to 9", least=1, most=9)
        sizes: tuple[int, ...] = option("sizes, each at least 2", (), least=2)
        share: float = option("a share below 1", 0.5, least=0, most=1)
        name: str | None = option("a name", None)

        def results(self, *sources):
            return {"": sources[0]}

    Sized.__dataclass_fields__["size"].type = "int"
    for field, text in (("sizes", "tuple[int, ...]"), ("share", "float")):
        Sized.__dataclass_fields__[field].type = text
    yield Sized
    del BLOCKS["Sized"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"size": 0}, r"^Sized\.size=0 is not possible; it is a size from 1 to 9$"),
        ({"size": 10}, r"^Sized\.size=10 is not possible"),
        ({"size": True}, r"^Sized\.size=True is not possible"),
        ({"size": 1.0}, r"^Sized\.size=1\.0 is not possible"),
        ({"size": "1"}, r"^Sized\.size='1' is not possible"),
        ({"size": 1, "sizes": (2, 1)}, r"^Sized\.sizes=\(2, 1\) is not possible; it is sizes, each at least 2$"),
        ({"size": 1, "sizes": [2]}, r"^Sized\.sizes=\[2\] is not possible"),
        ({"size": 1, "share": float("nan")}, r"^Sized\.share=nan is not possible"),
        ({"size": 1, "share": 1.5}, r"^Sized\.share=1\.5 is not possible; it is a share below 1$"),
        ({"size": 1, "name": "x" * 201}, r"^Sized\.name=.* is not possible; it is a name$"),
    ],
)
def test_fields_are_checked_by_their_type_and_range(kind, fields, words):
    with pytest.raises(InputError, match=words):
        kind(**fields)


def test_what_is_left_at_its_default_is_not_written(kind):
    assert kind(3).to_json() == {"kind": "Sized", "size": 3}
    full = kind(3, (2, 4), 1.0, "a")
    assert full.to_json() == {"kind": "Sized", "size": 3, "sizes": [2, 4], "share": 1.0, "name": "a"}
    assert block_from_json(json.loads(json.dumps(full.to_json()))) == full


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "^None is no kind of block; there are "),
        ({"kind": ["Linear"]}, r"^\['Linear'\] is no kind of block|^None is no kind"),
        ({"kind": "os.system"}, "^'os.system' is no kind of block; there are "),
        ({"kind": "Sized"}, "^Sized needs size$"),
        ({"kind": "Sized", "size": 1, "wide": 2}, "^Sized has no 'wide'; it has size, sizes, share, name$"),
        ({"kind": "Sized", "size": [1]}, r"^Sized\.size=\(1,\) is not possible"),
        ({"kind": "Sized", "size": 10**30}, r"^Sized\.size=1000\d+ is not possible"),
    ],
)
def test_damaged_json_is_refused(kind, data, words):
    with pytest.raises(InputError, match=words):
        block_from_json(data)


def test_equations_go_along():
    block = Recurrent(cells.get("zoneout(gru, 0.25)").equations, 2, 3)
    again = block_from_json(json.loads(json.dumps(block.to_json())))
    assert again.equations.dumps() == block.equations.dumps()
    assert again.parameters() == block.parameters()


X, LENGTHS = Value(FLOAT, ("batch", "time", 3)), Value(INT64, ("batch",))


def test_the_number_of_sources(kind):
    block = kind(1)
    assert block.read([X]) == block.read([X, LENGTHS]) == block.read([X, None]) == {"": X}
    for sources in ([], [None], [X, LENGTHS, X]):
        with pytest.raises(InputError, match=rf"^it reads x, \[lengths\]; got {len(sources)} sources$"):
            block.read(sources)


def test_a_sequence_is_one_of_its_width_and_dtype():
    assert sequence(X) == sequence(X, 3) == X
    for value in (None, LENGTHS, Value(FLOAT64, X.shape), Value(FLOAT, ("batch", 3))):
        with pytest.raises(InputError, match=r"^expected float \[batch, time, width\], got "):
            sequence(value)
    with pytest.raises(InputError, match=r"^expected float \[batch, time, 4\], got float \[batch, time, 3\]$"):
        sequence(X, 4)


def test_widths_of_values():
    assert X.width == 3
    assert X.wide(5, 6) == Value(FLOAT, ("batch", "time", 5, 6))
    assert Value(FLOAT64, ("batch", 2)).wide(1) == Value(FLOAT, ("batch", 1))
    with pytest.raises(InputError, match=r"^int64 \[batch\] has no width that is known beforehand$"):
        LENGTHS.width  # noqa: B018
    with pytest.raises(InputError, match="has no width"):
        Value(FLOAT, ()).width  # noqa: B018


def test_a_block_tells_its_tensors():
    assert {name: p.shape for name, p in Linear(3, 2).parameters().items()} == {"weight": (2, 3), "bias": (2,)}
