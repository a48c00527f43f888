"""Two writers of one file, archive and model at a time, and writers that are killed (SIGKILL) at random moments.

`python killed.py ROUNDS` prints what it found as one line of JSON. Each job is a file written piece by piece, an
archive of `compress_file`, or a model, and writes one of two contents; what lies there afterwards has to be one of
the two, or what was there before, whole.
"""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("KEEPGATE_THREADS", "1")  # children are forked

import numpy as np

import keepgate
from keepgate.compression import compress_file
from keepgate.store import has_model, read_model, replacing, write_model

CONTENTS = (b"to be " * 9, b"or not " * 7)
PIECES = 40


def write_file(folder: Path, which: int) -> None:
    with replacing(folder / "file") as file:
        for _ in range(PIECES):
            file.write(CONTENTS[which] * 50)
            file.flush()


def read_file(folder: Path) -> int | None:
    data = (folder / "file").read_bytes() if (folder / "file").exists() else None
    return None if data is None else [content * 50 * PIECES for content in CONTENTS].index(data)


def write_archive(folder: Path, which: int) -> None:
    source = folder / f"source{which}"
    told = compress_file(source, folder / "archive")
    assert told == (len(CONTENTS[which]), len(keepgate.compress(CONTENTS[which]))), told


def read_archive(folder: Path) -> int | None:
    path = folder / "archive"
    return CONTENTS.index(keepgate.decompress(path.read_bytes())) if path.exists() else None


def model(which: int) -> tuple[dict, dict]:
    return {"which": which}, {"w": np.full(20_000 + which, which, np.float32)}


def store_model(folder: Path, which: int) -> None:
    write_model(folder / "model", *model(which))


def load_model(folder: Path) -> int | None:
    if not has_model(folder / "model"):
        return None
    config, tensors = read_model(folder / "model")
    assert np.array_equal(tensors["w"], model(config["which"])[1]["w"])
    return config["which"]


Job = tuple[Callable[[Path, int], None], Callable[[Path], int | None]]
JOBS: dict[str, Job] = {
    "file": (write_file, read_file),
    "archive": (write_archive, read_archive),
    "model": (store_model, load_model),
}


def start(write: Callable[[Path, int], None], folder: Path, which: int) -> int:
    child = os.fork()
    if not child:
        try:
            write(folder, which)
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(1)
    return child


def new_folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    for which, content in enumerate(CONTENTS):
        (folder / f"source{which}").write_bytes(content)
    return folder


def hidden(folder: Path) -> int:
    return sum(path.name.endswith(".keepgate") for path in folder.rglob("*"))


def two_writers(job: Job, folder: Path, rounds: int) -> collections.Counter:
    """Both end well, and one of them wins; who reads meanwhile sees one of them, or none yet."""
    write, read = job
    found = collections.Counter()
    for _ in range(rounds):
        children = {start(write, folder, which) for which in (0, 1)}
        while children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if child:
                children.remove(child)
                found["writers that failed"] += status != 0
            read(folder)
            found["reads meanwhile"] += 1
        found[f"won by {read(folder)}"] += 1
        found["hidden files left"] += hidden(folder)
    return found


def kills(job: Job, folder: Path, rounds: int) -> collections.Counter:
    """After a kill there is the old or the new; the next write clears what is left."""
    write, read = job
    found, moments = collections.Counter(), random.Random()
    began = time.monotonic()
    os.waitpid(start(write, folder, 0), 0)
    seconds = time.monotonic() - began
    for _ in range(rounds):
        before = read(folder)
        child = start(write, folder, 1 - before)
        time.sleep(moments.uniform(0, 1.2) * seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found["old" if read(folder) == before else "new"] += 1
        found["most hidden files left"] = max(found["most hidden files left"], hidden(folder))
    write(folder, 0)
    found["hidden files after the next write"] = hidden(folder)
    assert read(folder) == 0
    return found


def main(rounds: int) -> None:
    told = {}
    with tempfile.TemporaryDirectory() as parent:
        for name, job in JOBS.items():
            for test in (two_writers, kills):
                folder = new_folder(Path(parent), f"{name} {test.__name__}")
                told[f"{name}, {test.__name__}"] = test(job, folder, rounds)
    print(json.dumps(told))


if __name__ == "__main__":
    main(int(sys.argv[1]))
