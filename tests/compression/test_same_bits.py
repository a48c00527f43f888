"""An archive is the same on every machine: instruction sets forced, one thread and two, written and read."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

import keepgate
from compression.digest import text
from native.process import SETS, python

pytestmark = pytest.mark.skipif(not SETS, reason="the native core is not built")
HERE = [name for name, here in SETS.items() if here]
SIZES = {"plain": 66}  # which computes a number at a time
OLD = [  # digests of archives that version 0.1.0 wrote: with contexts, and by the LSTM alone
    "77c505a7cb9c3b2154f56caecead68a2bde419e24b4aea8f0ff7ec96d7cd212b",
    "b192dd1c5b1a90c446bd8d81aa8561e0f2acc3f685574555e189447ab22449cd",
]


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("name", HERE)
def test_any_instruction_set_and_threads(tmp_path, name, threads):
    data = text(SIZES.get(name, 1200))
    archives = [keepgate.compress(data, lstm_only=lstm_only) for lstm_only in (False, True)]
    (tmp_path / "a").write_bytes(archives[0])
    program = Path(__file__).with_name("digest.py")
    done = python(str(program), str(len(data)), str(tmp_path / "a"), KEEPGATE_CPU=name, KEEPGATE_THREADS=threads)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [sha256(each).hexdigest() for each in (*archives, data)]


def test_archives_of_old():
    """What is written now is what was written then, to the bit: so what was written then is read."""
    archives = [keepgate.compress(text(1200), lstm_only=lstm_only) for lstm_only in (False, True)]
    assert [sha256(each).hexdigest() for each in archives] == OLD
