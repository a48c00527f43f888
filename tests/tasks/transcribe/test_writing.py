"""Files of transcripts, read back by the rules of their formats."""

import csv
import json
import re
from itertools import pairwise

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.tasks.transcribe.alignment import Place, Transcript, word_spans
from keepgate.tasks.transcribe.writing import FORMATS, encode_transcript, subtitles


def transcript(text, step=0.25, symbols=None):
    """Symbols that follow each other, each for a quarter of a second."""
    symbols = list(text) if symbols is None else symbols
    begins = [step * k for k in range(len(symbols))]
    ends, sure = [b + step for b in begins], [0.5 + 0.01 * k for k in range(len(symbols))]
    return Transcript(
        text, symbols, begins, ends, sure, [float(np.mean(sure[a:b])) for a, b in word_spans(text, symbols)]
    )


def encode(one, format, seconds=10.0):
    return encode_transcript("talk.wav", one, seconds, format)


def test_text_is_the_text():
    assert encode(transcript("ab c"), "txt") == "ab c\n"


def test_json_has_the_places_of_words_and_symbols():
    found = json.loads(encode(transcript("ab c"), "json"))
    assert (found["path"], found["text"]) == ("talk.wav", "ab c")
    assert found["words"] == [
        {"word": "ab", "begin": 0.0, "end": 0.5, "confidence": 0.505},
        {"word": "c", "begin": 0.75, "end": 1.0, "confidence": 0.53},
    ]
    assert [one["symbol"] for one in found["symbols"]] == ["a", "b", " ", "c"]
    assert found["symbols"][1] == {"symbol": "b", "begin": 0.25, "end": 0.5, "confidence": 0.51}


def test_tables_have_a_row_for_each_word():
    rows = list(csv.DictReader(encode(transcript('a" b'), "tsv").splitlines(), delimiter="\t"))
    assert [(row["start"], row["end"], row["word"]) for row in rows] == [
        ("0.000", "0.500", 'a"'),
        ("0.750", "1.000", "b"),
    ]


def seconds_of(clock):
    hours, minutes, seconds = clock.replace(",", ".").split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def test_subtitles_are_counted_and_timed():
    one = transcript("hello world", step=400.0)
    first, second, *rest = re.split(r"\n\n", encode(one, "srt", 5000.0).rstrip("\n"))
    assert not rest
    for number, (block, word, begin, end) in enumerate(
        [(first, "hello", 0, 2000), (second, "world", 2400, 4400)], start=1
    ):
        count, times, text = block.split("\n")
        assert (count, text) == (str(number), word)
        assert re.fullmatch(r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}", times)
        assert [seconds_of(t) for t in times.split(" --> ")] == [begin, end]


def test_web_subtitles_escape_what_is_markup():
    assert encode(transcript("a<b>& --> c"), "vtt") == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.750\na&lt;b&gt;&amp; --&gt; c\n"
    )
    assert encode(transcript(""), "vtt") == "WEBVTT\n"


def test_a_subtitle_ends_at_a_pause_and_where_its_line_is_full():
    words = [Place("w" * 10, k, k + 1, 1.0) for k in range(8)]
    assert [len(group) for group in subtitles(words)] == [3, 3, 2]  # of 32 characters with their spaces
    pause = [Place("a", 0, 1, 1.0), Place("b", 1.8, 2, 1.0), Place("c", 3, 4, 1.0)]
    assert [[one.text for one in group] for group in subtitles(pause)] == [["a", "b"], ["c"]]
    assert [len(group) for group in subtitles([Place("x" * 99, 0, 1, 1.0)] * 2)] == [1, 1]


def test_a_textgrid_covers_the_recording_in_two_tiers():
    text = encode(transcript('ab "c', step=0.5), "TextGrid", 4.0)
    assert text.startswith('File type = "ooTextFile"\nObject class = "TextGrid"\n')
    tiers = re.split(r"item \[\d+\]:", text)[1:]
    for tier, name, shown in zip(tiers, ("words", "symbols"), (["ab", "", '"c', ""], [*'ab "c', ""]), strict=True):
        assert f'name = "{name}"' in tier
        found = re.findall(r'xmin = (\S+)\s+xmax = (\S+)\s+text = "((?:[^"]|"")*)"', tier)
        assert int(re.search(r"intervals: size = (\d+)", tier)[1]) == len(found)
        assert [one[2].replace('""', '"') for one in found] == shown
        edges = [(float(a), float(b)) for a, b, _ in found]
        assert (edges[0][0], edges[-1][1]) == (0, 4)
        assert all(a[1] == b[0] for a, b in pairwise(edges))


@pytest.mark.parametrize("format", FORMATS)
def test_nothing_said_is_a_file_too(format):
    assert encode(transcript(""), format)[-1:] in ("\n", "")


@pytest.mark.parametrize("format", ["srt", "vtt", "TextGrid"])
def test_ink_has_no_times(format):
    with pytest.raises(InputError, match=rf"^ink has no times for \.{format}; choose one of txt, json"):
        encode(transcript("a"), format, None)
    assert encode(transcript("a"), "txt", None) == "a\n"
