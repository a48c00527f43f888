"""Pairs of texts from files: what is read, and what is refused by file and line."""

import gzip
import json

import pytest

from keepgate.data.text.pairs import read_pairs
from keepgate.errors import InputError

SOURCES, TARGETS = ["ein Hund", "Grüße, 世界"], ["a dog", "greetings, world"]
TSV = "".join(f"{a}\t{b}\n" for a, b in zip(SOURCES, TARGETS, strict=True))
JSON = "".join(json.dumps({"source": a, "target": b, "id": 1}) + "\n\n" for a, b in zip(SOURCES, TARGETS, strict=True))


@pytest.mark.parametrize(
    ("name", "text"), [("a.tsv", TSV), ("a.txt", TSV.replace("\n", "\r\n") + "\r\n"), ("a.jsonl", JSON)]
)
@pytest.mark.parametrize("pack", [False, True])
def test_pairs_are_read(tmp_path, name, text, pack):
    path = tmp_path / (name + ".gz" * pack)
    path.write_bytes(gzip.compress(text.encode()) if pack else text.encode())
    pairs = read_pairs(path)
    assert (pairs.sources, pairs.targets) == (SOURCES, TARGETS)
    assert len(pairs) == 2
    alone = read_pairs(path, labelled=False)
    assert (alone.sources, alone.targets) == (SOURCES, None)


@pytest.mark.parametrize("pack", [False, True])
def test_two_parallel_files_are_pairs_line_by_line(tmp_path, pack):
    for suffix, texts in (("de", SOURCES), ("en", TARGETS)):
        text = "".join(f"{line}\n" for line in texts).encode() + b"\n"
        (tmp_path / (f"train.v1.{suffix}" + ".gz" * pack)).write_bytes(gzip.compress(text) if pack else text)
    pairs = read_pairs(tmp_path / "train.v1", source_suffix="de", target_suffix=".en")
    assert (pairs.sources, pairs.targets) == (SOURCES, TARGETS)
    alone = read_pairs(tmp_path / "train.v1", False, "de", "en")
    assert (alone.sources, alone.targets) == (SOURCES, None)


def test_a_file_that_is_there_is_read_as_it_is_beside_suffixes(tmp_path):
    (tmp_path / "a.tsv").write_text(TSV)
    assert read_pairs(tmp_path / "a.tsv", True, "de", "en").targets == TARGETS


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("a\nb\n", "c\n", "t.de has 2 lines and "),
        ("a\n\nb\n", "c\nd\ne\n", "t.de, line 2: the source is empty"),
        ("a\n", " \n", "t.en has no line; a line is a target"),
        ("a\n", None, "t.en cannot be read: No such file"),
    ],
)
def test_parallel_files_that_are_no_pairs_are_refused(tmp_path, source, target, words):
    (tmp_path / "t.de").write_text(source)
    if target is not None:
        (tmp_path / "t.en").write_text(target)
    with pytest.raises(InputError) as caught:
        read_pairs(tmp_path / "t", True, "de", "en")
    assert words in str(caught.value)
    with pytest.raises(InputError, match="give both source_suffix and target_suffix, or neither"):
        read_pairs(tmp_path / "t", True, "de")


def test_sources_alone_need_no_target(tmp_path):
    for name, text in (("a.txt", "ein Hund\nzwei\n"), ("a.jsonl", '{"source": "ein Hund"}\n{"source": "zwei"}\n')):
        (tmp_path / name).write_text(text)
        assert read_pairs(tmp_path / name, labelled=False).sources == ["ein Hund", "zwei"]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.tsv", TSV + "no tab\n", "a.tsv, line 3: 1 columns; a row is a source, a tab"),
        ("a.tsv", "a\tb\tc\n", "a.tsv, line 1: 3 columns"),
        ("a.tsv", TSV + "lonely\t \n", "a.tsv, line 3: the target is empty"),
        ("a.tsv", "\tb\n", "a.tsv, line 1: the source is empty"),
        ("a.tsv", "a\tb\n\nc\td\n", "a.tsv, line 2: 1 columns"),
        ("a.tsv", "", "a.tsv has no row"),
        ("a.jsonl", '{"source": "a"}\n', "a.jsonl, line 1: 1 columns"),
        ("a.jsonl", '{"target": "a"}\n', "a.jsonl, line 1: no texts such as"),
        ("a.jsonl", '{"source": 1, "target": "a"}\n', "a.jsonl, line 1: no texts such as"),
        ("a.jsonl", '{"source": "", "target": "a"}\n', "a.jsonl, line 1: the source is empty"),
        ("a.jsonl", "{\n", "a.jsonl, line 1: no JSON"),
    ],
)
def test_rows_that_are_none_are_refused(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError) as caught:
        read_pairs(tmp_path / name)
    assert words in str(caught.value)


def test_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "latin.tsv").write_bytes("ein Café\ta café\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.tsv is not a text file in UTF-8"):
        read_pairs(tmp_path / "latin.tsv")
    (tmp_path / "cut.tsv.gz").write_bytes(gzip.compress(TSV.encode())[:-9])
    with pytest.raises(InputError, match="cut short"):
        read_pairs(tmp_path / "cut.tsv.gz")
    with pytest.raises(InputError, match=r"absent\.tsv cannot be read: No such file"):
        read_pairs(tmp_path / "absent.tsv")
