"""Data files of every kind through the commands that read them: fit, predict and evaluate.

A case keeps the files as they were drawn (see `fuzz.data_files`), so that it stays when that module changes.
Wrong is all but exit code 0, or 2 with one line that can be printed.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import gzip
import io
import os
import random
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

from fuzz.data_files import TASKS, Healthy, change_bytes
from fuzz.harness import Wrong

FOLDER = True
# Where healthy models lie: a child that takes the place of one that died finds them made.
if "KEEPGATE_FUZZ_RUNS" not in os.environ:
    os.environ["KEEPGATE_FUZZ_RUNS"] = tempfile.mkdtemp(prefix="keepgate-fuzz-runs-")
    atexit.register(shutil.rmtree, os.environ["KEEPGATE_FUZZ_RUNS"], ignore_errors=True)
RUNS = Path(os.environ["KEEPGATE_FUZZ_RUNS"])

FAST = ["--epochs", "1", "--no-progress", "--batch-size", "8"]
SMALL = {
    "classify": ["--hidden-size", "4"],
    "regress": ["--hidden-size", "4"],
    "embed": ["--hidden-size", "4", "--vector-size", "3"],
    "evolino": ["--hidden-size", "4", "--horizon", "2", "--washout", "4"],
    "forecast": ["--hidden-size", "4", "--horizon", "2", "--window", "4"],
    "tag": ["--hidden-size", "4", "--word-size", "4", "--character-size", "4"],
    "transcribe": ["--hidden-size", "4", "--num-layers", "1", "--bands", "8"],
    "segment": ["--hidden-size", "4", "--num-layers", "1", "--bands", "8"],
    "translate": ["--hidden-size", "4", "--num-layers", "1", "--embedding-size", "4", "--vocabulary", "270"],
    "write": ["--hidden-size", "4", "--embedding-size", "4", "--window", "8"],
    "suggest": ["--hidden-size", "4", "--embedding-size", "4", "--window", "8"],
}
VARIANTS = {task: [0] for task in TASKS} | {"forecast": [0, 4], "transcribe": [0, 3]}  # dates, steps; recordings, ink
ZIPPED = (".conll", ".conllu", ".jsonl", ".tsv", ".txt")
FLAGS = {
    "tag": [["--session-column", "newdoc"], ["--tag-column", "5"], ["--token-column", "0"]],
    "transcribe": [["--skip-bad"], ["--rate", "1"], ["--rate", "50"], ["--rate", "16000"], ["--rate", "1000000000"]],
    "segment": [["--skip-bad"], ["--rate", "1"], ["--rate", "4000"], ["--rate", "1000000000"]],
    "classify": [["--channel-columns", "a", "a"], ["--time-column", "a"], ["--id-column", "ds"]],
    "regress": [["--label-column", "a"], ["--quantiles", "0.5"], ["--channel-columns", "a", "a"]],
    "forecast": [["--covariate-columns", "b", "b"], ["--id-column", "ds"], ["--target-column", "unique_id"]],
    "write": [["--units", "bytes"], ["--units", "subwords"]],
}


def draw(random: random.Random) -> dict[str, Any]:
    task = random.choice([*TASKS])
    command = random.choice(["fit", "predict", "evaluate"])
    name, files = TASKS[task](random, task)
    files[name] = change_bytes(random, files[name])
    if name.endswith(ZIPPED) and random.random() < 0.15:
        files[f"{name}.gz"] = change_bytes(random, gzip.compress(files.pop(name), mtime=0))
        name += ".gz"
    flags = random.choice(FLAGS[task]) if command == "fit" and task in FLAGS and random.random() < 0.2 else []
    variant = random.choice(VARIANTS[task])
    packed = {one: base64.b64encode(content).decode() for one, content in files.items()}
    return {"task": task, "command": command, "variant": variant, "data": name, "flags": flags, "files": packed}


def call(arguments: list[str]) -> tuple[int, str, str]:
    """Exit code, and what is written to standard output and standard error."""
    from keepgate.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, kind, *_: print(f"{kind.__name__}: {message}", file=sys.stderr)
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = int(stop.code or 0)
    return code, *(stream.buffer.getvalue().decode() for stream in (out, err))


def healthy(task: str, variant: int) -> str:
    """The folder of a model of the task; variants are of other kinds of its data, such as ink and recordings."""
    folder = RUNS / f"{task}-{variant}"
    if not (folder / "run" / "config.json").exists():
        folder.mkdir(exist_ok=True)
        name, files = TASKS[task](Healthy(f"{task} {variant}"), task)
        for one, content in files.items():
            (folder / one).write_bytes(content)
        code, _, err = call(["fit", task, str(folder / name), "--out", str(folder / "run"), *FAST, *SMALL[task]])
        if code:
            raise RuntimeError(f"no healthy model of {task}: {err}")
    return str(folder / "run")


def prepare() -> None:
    for task, variants in VARIANTS.items():
        for variant in variants:
            healthy(task, variant)


def check(case: dict[str, Any], folder: Path) -> None:
    for name, content in case["files"].items():
        (folder / name).write_bytes(base64.b64decode(content))
    task, data = case["task"], str(folder / case["data"])
    if case["command"] == "fit":
        arguments = ["fit", task, data, "--out", str(folder / "run"), *FAST, *SMALL[task], *case["flags"]]
    else:
        arguments = [case["command"], healthy(task, case["variant"]), data]
    code, out, err = call(arguments)
    if code not in (0, 2):
        raise Wrong(f"exit code {code}: {err[-2000:]}")
    lines = err.splitlines()
    strange = [line for line in lines if not line.startswith("keepgate ")]
    if strange or (code == 2 and not lines):
        raise Wrong(f"exit code {code}, standard error: {err[-2000:]!r}")
    if any(not line.isprintable() or len(line) > 2000 for line in lines):
        raise Wrong(f"what is no line for a terminal: {err[-2000:]!r}")
    if code == 2 and out:
        raise Wrong(f"refused, but something was printed: {out[:500]!r}")
    if code == 2 and case["command"] == "fit" and (folder / "run" / "config.json").exists():
        raise Wrong(f"refused, but there is a model: {err!r}")
