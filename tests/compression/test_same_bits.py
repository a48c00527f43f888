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
