"""Transcripts as files: text, JSON, tables of words, subtitles (SubRip, WebVTT) and Praat's TextGrid."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from keepgate.errors import InputError
from keepgate.tasks.transcribe.alignment import Place, Transcript

__all__ = ["FORMATS", "as_json", "check_untimed", "encode_transcript"]

LINE = 42  # characters of a subtitle, at most, but for a longer word
PAUSE = 0.8  # seconds of silence that end a subtitle


def encode_transcript(name: str, transcript: Transcript, seconds: float | None, format: str) -> str:
    """Return the text of a file of one of `FORMATS`.

    Args:
        name: of the utterance.
        transcript: of it.
        seconds: how long it is; None: it is ink, which has no times.
        format: without the dot.

    Raises:
        InputError: the format has times, but the utterance has none.
    """
    if seconds is None:
        check_untimed(format)
    return FORMATS[format].write(name, transcript, seconds or 0.0)


def check_untimed(format: str) -> None:
    """Raise InputError if a format is of what has times, which ink has not."""
    if FORMATS[format].timed:
        untimed = ", ".join(name for name, one in FORMATS.items() if not one.timed)
        raise InputError(f"ink has no times for .{format}; choose one of {untimed}")


def as_json(name: str, transcript: Transcript) -> str:
    """Return one utterance as a line of JSON: path, text, and the places of its words and symbols."""
    words, symbols = (
        [
            {what: text, "begin": round(begin, 3), "end": round(end, 3), "confidence": round(confidence, 4)}
            for text, begin, end, confidence in places
        ]
        for what, places in (("word", transcript.words), ("symbol", transcript.places))
    )
    content = {"path": name, "text": transcript.text, "words": words, "symbols": symbols}
    return json.dumps(content, ensure_ascii=False)


def subtitles(words: Iterable[Place]) -> list[list[Place]]:
    """Return words in groups that are shown together: a group ends at a pause, and where its line is full."""
    groups: list[list[Place]] = []
    for word in words:
        now = groups[-1] if groups else []
        full = sum(len(one.text) + 1 for one in now) + len(word.text) > LINE
        if not now or full or word.begin - now[-1].end > PAUSE:
            groups.append(now := [])
        now.append(word)
    return groups


def _text(_: str, transcript: Transcript, seconds: float) -> str:
    return f"{transcript.text}\n"


def _json(name: str, transcript: Transcript, seconds: float) -> str:
    return f"{as_json(name, transcript)}\n"


def _table(_: str, transcript: Transcript, seconds: float) -> str:
    text = io.StringIO()
    rows = csv.writer(text, delimiter="\t", lineterminator="\n")
    rows.writerow(("start", "end", "word", "confidence"))
    rows.writerows((f"{w.begin:.3f}", f"{w.end:.3f}", w.text, f"{w.confidence:.4f}") for w in transcript.words)
    return text.getvalue()


def _srt(_: str, transcript: Transcript, seconds: float) -> str:
    shown = enumerate(subtitles(transcript.words), start=1)
    return "\n".join(f"{number}\n{_times(group, ',')}\n{_said(group)}\n" for number, group in shown)


def _vtt(_: str, transcript: Transcript, seconds: float) -> str:
    escape = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
    groups = subtitles(transcript.words)
    return "\n".join(["WEBVTT\n", *(f"{_times(one, '.')}\n{_said(one).translate(escape)}\n" for one in groups)])


def _times(words: Sequence[Place], point: str) -> str:
    return f"{_clock(words[0].begin, point)} --> {_clock(words[-1].end, point)}"


def _said(words: Sequence[Place]) -> str:
    return " ".join(word.text for word in words)


def _clock(seconds: float, point: str) -> str:
    """Return a time as 00:00:00.000."""
    milliseconds = round(1000 * seconds)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{point}{rest % 1000:03}"


def _textgrid(_: str, transcript: Transcript, seconds: float) -> str:
    tiers = {"words": transcript.words, "symbols": transcript.places}
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0",
        f"xmax = {seconds:.6f}",
        "tiers? <exists>",
        f"size = {len(tiers)}",
        "item []:",
    ]
    for number, (name, places) in enumerate(tiers.items(), start=1):
        intervals = _filled(places, seconds)
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier"',
            f'        name = "{name}"',
            "        xmin = 0",
            f"        xmax = {seconds:.6f}",
            f"        intervals: size = {len(intervals)}",
        ]
        for k, (begin, end, text) in enumerate(intervals, start=1):
            lines += [
                f"        intervals [{k}]:",
                f"            xmin = {begin:.6f}",
                f"            xmax = {end:.6f}",
                f'            text = "{text.replace(chr(34), chr(34) * 2)}"',
            ]
    return "\n".join(lines) + "\n"


def _filled(places: Sequence[Place], seconds: float) -> list[tuple[float, float, str]]:
    """Return intervals that cover a recording: the places, and empty ones between them."""
    intervals, at = [], 0.0
    for text, begin, end, _ in places:
        begin, end = max(at, begin), min(end, seconds)
        if begin >= end:
            continue
        if begin > at:
            intervals.append((at, begin, ""))
        intervals.append((begin, end, text))
        at = end
    return intervals if at >= seconds else [*intervals, (at, seconds, "")]


class Format(NamedTuple):
    """How transcripts are written.

    Attributes:
        write: returns the text of a file from the utterance's name, its transcript and its length in seconds.
        timed: whether the file tells seconds, which ink has not.
    """

    write: Callable[[str, Transcript, float], str]
    timed: bool = False


FORMATS = {
    "txt": Format(_text),
    "json": Format(_json),
    "tsv": Format(_table),
    "srt": Format(_srt, timed=True),
    "vtt": Format(_vtt, timed=True),
    "TextGrid": Format(_textgrid, timed=True),
}
