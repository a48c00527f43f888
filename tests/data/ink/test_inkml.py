"""InkML files: what their traces are, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from data.hostile import refused
from keepgate.data.ink.inkml import read_inkml
from keepgate.errors import InputError

INK = '<ink xmlns="http://www.w3.org/2003/InkML">{}</ink>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('<?xml version="1.0" encoding="klingon"?>' + INK.format("<trace>1 2, 3 4</trace>"), "encoding"),
        ('<?xml version="1.0" encoding="shift_jis"?>' + INK.format("<trace>1 2, 3 4</trace>"), "encoding"),
        (INK.format("<trace>1 2, 1e309 4</trace>"), "finite"),
        (INK.format("<trace>" + "1 2, " * 10**6 + "1 2</trace>"), "points of ink"),
        (INK.format("<trace>1 2, " + "x" * 10**6 + "</trace>"), "trace 1"),
        (
            '<!DOCTYPE ink [<!ENTITY a "1 2, 1 2, 1 2, 1 2, ">'
            + "".join(f'<!ENTITY {b} "{10 * f"&{a};"}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
            + "]>"
            + INK.format("<trace>&i;</trace>"),
            "",
        ),
    ],
    ids=["unknown encoding", "encoding of many bytes", "infinite", "points", "no number", "billion laughs"],
)
def test_ink_that_is_refused(tmp_path, text, words):
    (tmp_path / "a.inkml").write_text(text)
    refused(lambda: read_inkml(tmp_path / "a.inkml"), "a.inkml", words)


def test_inkml_grows_downward(tmp_path):
    path = tmp_path / "a.inkml"
    path.write_text(
        '<ink xmlns="http://www.w3.org/2003/InkML"><trace>1 2, 3 4 99,5 6</trace><trace>7 8,9 -1</trace></ink>'
    )
    first, second = read_inkml(path)
    np.testing.assert_array_equal(first, [[1, -2], [3, -4], [5, -6]])
    np.testing.assert_array_equal(second, [[7, -8], [9, 1]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<ink>", "is no XML"),
        ("<ink/>", "has no trace"),
        ("<ink><trace>1 2, '3 4</trace></ink>", "trace 1"),
        ("<ink><trace>1, 2</trace></ink>", "trace 1"),
        ("<ink><trace/></ink>", "trace 1"),
    ],
)
def test_other_xml_is_refused(tmp_path, text, words):
    path = tmp_path / "a.inkml"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"a\.inkml.*{words}"):
        read_inkml(path)
