"""Two builds of keepgate beside each other: does a change cost anything?"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import geometric_mean

from benchmarks.cases import SUITES, Case
from benchmarks.measure import Disagreement, Measurement, measure
from benchmarks.run import chosen
from benchmarks.shapes import SHORT
from benchmarks.sides import Build, SideError, Start, held, sides

__all__ = ["SELECTED", "against", "selected"]

# What a change may slow down, by suite: all of it, or the rows with a text.
SELECTED = {
    "steps": "",
    "training": "",
    "inference": "",
    "gru": "",
    "cells": "layer_norm(lstm)",
    "stream": "",
    "ctc": "",
    "crf": "",
    "compress": "",
}
HEADS = ("case", "threads", "ms, old", "ms, new", "new/old", "quartiles", "error")


def selected(suites: Sequence[str] | None, only: str, short: bool) -> list[Case]:
    """Return what of suites (by default of `SELECTED`) keepgate itself does, each once."""
    texts = dict.fromkeys(suites, "") if suites else SELECTED
    found = [case for suite, text in texts.items() for case in chosen([suite], text) if only in str(case)]
    once = {(SUITES[case.suite].problem, case.shape, case.cell, case.mode): case for case in reversed(found)}
    kept = [replace(case, peer=None) for case in reversed(once.values())]
    return [case for case in kept if SUITES[case.suite].unit == "ms" and (not short or case.shape in SHORT)]


def against(old: Build, wanted: Sequence[Case], threads: Sequence[int], seconds: float) -> int:
    """Print a table of the times of this build over those of another; return the number of cases that failed."""
    print(_packages(wanted[0], old), "", _line(HEADS), _line(["---"] * len(HEADS)), sep="\n", flush=True)
    wrong, ratios = 0, {}
    for n in threads:
        for number, case in enumerate(wanted, 1):
            begin = time.perf_counter()
            try:
                with held(n):
                    # The ratio is that of the second over the first.
                    measured, errors = measure(Start(case, "ours", n, old), Start(case, "ours", n), seconds)
            except (Disagreement, SideError) as error:
                wrong += 1
                print(_line([case.name, str(n), "", "", f"WRONG: {str(error).strip().splitlines()[-1]}", "", ""]))
            else:
                ratios.setdefault(n, []).append(measured.ratio)
                print(_row(case, n, measured, errors[1]), flush=True)
            print(f"[{number}/{len(wanted)}, {time.perf_counter() - begin:.0f} s]", file=sys.stderr)
    for n, own in ratios.items():
        print(_line(["geometric mean", str(n), "", "", f"{geometric_mean(own):.3f}", "", ""]))
    return wrong


def _packages(case: Case, old: Build) -> str:
    """Return where both builds lie.

    Raises:
        SideError: they are one and the same, or one cannot start.
    """
    with sides(Start(case, "ours", 1, old), Start(case, "ours", 1)) as pair:
        before, after = (side.ask("package") for side in pair)
    if before == after:
        raise SideError(f"both sides import {after}")
    return f"old: {before}\nnew: {after}"


def _row(case: Case, threads: int, measured: Measurement, error: float) -> str:
    times = (f"{measured.ours:.4g}", f"{measured.theirs:.4g}", f"{measured.ratio:.3f}")
    spread, apart = f"{measured.lower:.3f}–{measured.upper:.3f}", f"{error:.0e}" if error else "same bits"
    return _line([case.name, str(threads), *times, spread, apart])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
