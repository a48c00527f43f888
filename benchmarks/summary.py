"""What the project's README says of speed: only what rows show."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import geometric_mean

from benchmarks.cases import SUITES
from benchmarks.results import Row
from benchmarks.table import count, where

__all__ = ["BEGIN", "END", "NAMED", "summary", "written"]

BEGIN = "<!-- from benchmarks/results.csv, by `python -m benchmarks` -->"
END = "<!-- end -->"
THREADS = (2, 1)
STEPS = """\
A whole training step as people write it, with `keepgate.nn.LSTM` in the place of `torch.nn.LSTM`: LSTM, linear layer,
cross-entropy, backward, clipping, AdamW. Nothing is set in the environment, and each side has a process of its own.
"""
ALONE = """\
Single calls, over and over with nothing between: how many times as fast as the other, from the least to the most of
the shapes measured, and the geometric mean.
"""
# Suites of single calls that README names, and beside what.
NAMED = (
    ("training", "torch.nn.LSTM"),
    ("inference", "torch.nn.LSTM"),
    ("inference", "ONNX Runtime"),
    ("stream", "ONNX Runtime"),
    ("gru", "torch.nn.GRU"),
    ("lengths", "torch.nn.LSTM, packed"),
    ("population", "64 calls of torch.nn.LSTM"),
    ("cells", "keepgate lstm, per operation"),
    ("ctc", "torch.nn.functional.ctc_loss"),
)


def written(readme: Path, rows: Sequence[Row]) -> str:
    """Return the text of README with what it says of speed brought up to date; as it is, if there are no rows."""
    between = re.compile(f"(?<={re.escape(BEGIN)}\n).*(?={re.escape(END)})", re.DOTALL)
    text = readme.read_text()
    return between.sub(lambda _: summary(rows), text) if rows else text


def summary(rows: Sequence[Row]) -> str:
    """Return what rows show, in Markdown."""
    steps = [row for row in rows if row.suite == "steps"]
    parts = [STEPS, _steps(steps)] if steps else []
    if alone := _alone(rows):
        parts += [ALONE, alone]
    return "\n".join([*parts, _slower(rows), where(rows)])


def _steps(rows: Sequence[Row]) -> str:
    heads = ["(T, B, I, H)", *(part for n in THREADS for part in (f"ms, {count(n)}", "times as fast as torch"))]
    lines = [heads, ["---"] * len(heads)]
    for shape in dict.fromkeys(row.shape for row in rows):
        found = {row.threads: row for row in rows if row.shape == shape}
        times = [(f"{found[n].ours:.3g}", f"{found[n].ratio:.2f}") if n in found else ("", "") for n in THREADS]
        lines.append([shape, *(part for pair in times for part in pair)])
    ratios = [[row.ratio for row in rows if row.threads == n] for n in THREADS]
    means = [f"{geometric_mean(own):.2f}" if own else "" for own in ratios]
    return _table([*lines, ["geometric mean", *(part for mean in means for part in ("", mean))]])


def _alone(rows: Sequence[Row]) -> str:
    lines = []
    for suite, peer in NAMED:
        own = [row for row in rows if (row.suite, row.peer) == (suite, peer)]
        if own:
            spans = [_span([row.ratio for row in own if row.threads == n]) for n in THREADS]
            lines.append([SUITES[suite].title.partition(";")[0], peer, *spans])
    heads = ["", "beside", *map(count, THREADS)]
    return _table([heads, ["---"] * len(heads), *lines]) if lines else ""


def _span(ratios: Sequence[float]) -> str:
    if not ratios:
        return ""
    least, most = f"{min(ratios):.2f}", f"{max(ratios):.2f}"
    return least if least == most else f"{least}–{most}; {geometric_mean(ratios):.2f}"


def _slower(rows: Sequence[Row]) -> str:
    """Return how many comparisons with other packages keepgate loses."""
    compared = [row for row in rows if not row.peer.startswith("keepgate") and row.suite != "share"]
    slower = sum(row.ratio < 1 for row in compared)
    return (
        f"Of {len(compared)} comparisons with other packages, {slower} have a ratio below 1; all are listed, each\n"
        "with its error, in [the same tables](benchmarks/README.md). `make bench` measures them on your machine.\n"
    )


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
