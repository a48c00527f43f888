"""What reads files, and how a refusal is held to a sentence, to little memory and to little time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fuzz import harness
from keepgate.data.audio.files import read_audio
from keepgate.data.ink.inkml import read_inkml
from keepgate.data.recordings.manifest import read_manifest
from keepgate.data.recordings.recordings import read_recordings
from keepgate.data.recordings.segments import read_segments
from keepgate.data.tables.long import read_long_table
from keepgate.data.tables.table import read_table
from keepgate.data.tables.ts import read_ts
from keepgate.data.text.pairs import read_pairs
from keepgate.data.text.sentences import read_sentences
from keepgate.errors import InputError
from keepgate.tasks.write.text import TextFile

MIB = 2**20


READERS: dict[str, Callable[[Path], Any]] = {
    "a.csv": read_long_table,
    "a.parquet": read_table,
    "a.arrow": read_table,
    "a.feather": read_table,
    "a.ts": read_ts,
    "a.conll": read_sentences,
    "a.jsonl": read_sentences,
    "a.tsv": read_pairs,
    "a.txt": TextFile.read,
    "a.wav": read_audio,
    "a.inkml": read_inkml,
    "manifest.csv": read_manifest,
    "manifest.jsonl": read_recordings,
    "segments.csv": read_segments,
    "segments.json": read_segments,
    "segments.txt": read_segments,
}


def refused(read: Callable[[], Any], *words: str, growth: int = 150 * MIB, seconds: float = 10.0) -> None:
    """It is refused in a sentence with these words, within this memory and time."""
    before, started = harness._memory("VmRSS"), time.process_time()
    harness._forget_peak()
    with pytest.raises(InputError) as caught:
        read()
    grown = harness._memory("VmHWM") - before
    assert time.process_time() - started < seconds
    assert grown < growth, f"took {grown / MIB:.0f} MiB"
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1000
    for word in words:
        assert word in message
