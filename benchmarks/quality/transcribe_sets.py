"""The sets of the transcription panel: recordings and handwriting, split by who speaks or writes where that is known.

They come from `shared/data` next to the checkout. A set whose data are absent is left out, and says so.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.quality.rows import DATA
from keepgate.data.audio.files import read_audio
from keepgate.data.recordings.manifest import Content, Utterances

Row = tuple[Content, str, str]  # content, text, who speaks or writes
DIGIT_RATE, RATE = 8_000, 16_000
STRINGS, TEST_STRINGS = 2_500, 500
STRANGER = "george"
WORDS = {"train": 6_000, "valid": 1_000, "test": 1_000}


@dataclass(frozen=True)
class Set:
    """Utterances with their texts.

    Attributes:
        name: of the set.
        train: what may be learned from; `sources` say whose each utterance is.
        test: what the last figure comes from.
        valid: what defaults are chosen by.
    """

    name: str
    train: Utterances
    valid: Utterances
    test: Utterances


def _utterances(rows: Iterable[Row], rate: int | None) -> Utterances:
    contents, texts, sources = zip(*rows, strict=True)
    kind = "ink" if rate is None else "audio"
    names = [f"utterance {i}" for i in range(len(texts))]
    return Utterances(kind, list(contents), rate, list(texts), names, sources=list(sources))


def digits(stranger: str | None = None) -> Set:
    """Return strings of digits: takes that were not heard, or a speaker who was not.

    Takes 0 to 4 are the test part, 5 to 9 the one that defaults are chosen by; or the speaker's first 25 takes of each
    digit, and the rest.
    """
    sounds: dict[tuple[str, str, int], np.ndarray] = {}
    for path in sorted(_folder("fsdd").glob("*.wav")):
        digit, speaker, take = re.fullmatch(r"(\d)_(\w+)_(\d+)", path.stem).groups()
        sounds[digit, speaker, int(take)] = read_audio(path, DIGIT_RATE)[0]

    def part(key: tuple[str, str, int]) -> str:
        _, speaker, take = key
        if stranger is None:
            return "test" if take < 5 else "valid" if take < 10 else "train"
        return "train" if speaker != stranger else "test" if take < 25 else "valid"

    parts = []
    for seed, name in enumerate(("train", "valid", "test")):
        some = {key: sound for key, sound in sounds.items() if part(key) == name}
        count = STRINGS if name == "train" else TEST_STRINGS
        parts.append(_utterances(_strings(some, count, np.random.default_rng(seed)), DIGIT_RATE))
    return Set("digits of a stranger" if stranger else "digits", *parts)


def _strings(sounds: dict[tuple[str, str, int], np.ndarray], count: int, random: np.random.Generator) -> Iterable[Row]:
    """Yield strings of one to five digits of one speaker, with gaps of 0.05 to 0.4 s in light noise."""

    def gap() -> np.ndarray:
        return np.zeros(int(DIGIT_RATE * random.uniform(0.05, 0.4)))

    speakers = sorted({speaker for _, speaker, _ in sounds})
    for _ in range(count):
        speaker = str(random.choice(speakers))
        keys = [key for key in sounds if key[1] == speaker]
        said = [keys[k] for k in random.integers(len(keys), size=random.integers(1, 6))]
        pieces = [gap(), *(piece for key in said for piece in (sounds[key], gap()))]
        samples = np.concatenate(pieces)
        noise = 10 ** random.uniform(-4, -2.3) * random.normal(size=len(samples))
        yield (samples + noise).astype(np.float32), "".join(key[0] for key in said), speaker


def readers() -> Set:
    """Return English sentences read by speakers with strong accents; no speaker is in two parts."""
    with open(_folder("speech") / "utterances.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return Set("readers", *(_utterances(_stretches(rows, part, "speaker", "words"), RATE) for part in PARTS))


def voice() -> Set:
    """Return sentences read by one speaker."""
    rows = []
    for part in PARTS:
        with open(_folder("speech_text") / f"fraser_{part}.tsv", newline="") as file:
            rows += [
                {**row, "recording": f"fraser_{part}", "speaker": "fraser", "plain": _plain(row["text"])}
                for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            ]
    return Set("one voice", *(_utterances(_stretches(rows, part, "recording", "plain"), RATE) for part in PARTS))


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def _stretches(rows: Iterable[dict[str, str]], part: str, recording: str, text: str) -> Iterable[Row]:
    """Yield the stretches of long recordings that a table names."""
    folder = DATA / ("speech" if recording == "speaker" else "speech_text")
    heard: dict[str, np.ndarray] = {}
    for row in rows:
        if row["split"] == part:
            name = row[recording]
            if name not in heard:
                heard[name] = read_audio(folder / f"{name}.opus", RATE)[0]
            yield heard[name][int(row["start"]) : int(row["stop"])], row[text], row["speaker"]


def handwriting() -> Set:
    """Return handwritten words; no writer is in two parts."""

    def rows(part: str) -> Iterable[Row]:
        with gzip.open(_folder("unipen") / f"words_{part}.jsonl.gz", "rt") as file:
            found = [json.loads(line) for line in file]
        chosen = np.random.default_rng(0).permutation(len(found))[: WORDS[part]]
        for row in (found[i] for i in sorted(chosen)):
            strokes = [np.array(stroke, dtype=float) for stroke in row["strokes"]]
            if sum(map(len, strokes)) >= POINTS * len(row["text"]):
                yield strokes, row["text"], row["writer"]

    return Set("handwriting", *(_utterances(rows(part), None) for part in PARTS))


def _folder(name: str) -> Path:
    if not (DATA / name).is_dir():
        raise FileNotFoundError(f"there is no {DATA / name}")
    return DATA / name


PARTS = ("train", "valid", "test")
POINTS = 8  # of a letter, at least: words that are drawn in fewer cannot be told apart
SETS: dict[str, Callable[[], Set]] = {
    "digits": digits,
    "stranger": partial(digits, STRANGER),
    "readers": readers,
    "voice": voice,
    "handwriting": handwriting,
}
