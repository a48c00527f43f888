"""`keepgate search cell`: search for a recurrent cell."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keepgate.cli import one_of, parser
from keepgate.cli.text import table
from keepgate.errors import printable
from keepgate.search.tasks import HELD_OUT, REAL, SYNTHETIC

DESCRIPTION = """\
Search for a recurrent cell: known cells are changed by mutations of their equations, every candidate is trained on
small tasks, with as many weights as all others, and the best is judged on tasks that it was not chosen on, beside
LSTM, GRU and MUT1. RUN becomes a folder with found.py, which --cell takes, its family tree, a table and report.html.
If the search is interrupted, the same command goes on where it stopped."""

EXAMPLE = """\
  keepgate search cell --out runs/found
  keepgate search cell --task adding order --held-out text --minutes 10 --out runs/found
  keepgate search cell --task machines.csv --out runs/found
  keepgate fit classify train.ts --cell runs/found/found.py:Found --out runs/vowels"""

WHAT = ("cell",)
CHOSEN_ON = ("adding", "order", "copy", "arithmetic")  # as of `search_cell`, which needs torch
UPDATES = (100, 300, 900)
METHODS = ("evolution", "random")
TASKS = "\n".join(f"  {name:<12}{about}" for name, about in {**SYNTHETIC, **REAL}.items())


def main(arguments: Sequence[str]) -> None:
    """Search as the arguments say, and write what was found."""
    options = _flags().parse_args(arguments)

    from keepgate.search import save, search_cell
    from keepgate.search.saving import FILES

    try:
        found = search_cell(
            options.task,
            held_out=options.held_out,
            minutes=options.minutes,
            generations=options.generations,
            method=options.method,
            updates=options.updates,
            units=options.units,
            seed=options.seed,
            processes=options.processes,
            run=options.out,
            progress=True,
        )
    except KeyboardInterrupt:
        print("keepgate search: stopped; the same command goes on from here", file=sys.stderr)
        raise
    save(found, options.out)
    print(f"{found.equations}\n")
    rows = [{k: v for k, v in row.items() if k != "learning rates"} for row in found.comparison.rows()]
    print(f"On tasks that chose nothing, share of the loss explained:\n{table(rows)}\n")
    down = ", ".join(f"{count} {reason}" for reason, count in found.search.turned_down.most_common())
    print(printable(f"{len(found.search.members)} cells were tried; turned down: {down or 'none'}"))
    print(found.verdict)
    for name, about in FILES.items():
        print(printable(f"{about}: {Path(options.out) / name}"))


def _flags() -> argparse.ArgumentParser:
    listed = f"{EXAMPLE}\n\ntasks:\n{TASKS}\n  FILE.csv    how the numbers of a table change from row to row"
    flags = parser("search", DESCRIPTION, listed)
    flags.add_argument("what", type=one_of(WHAT), metavar="cell", help="what to search for: a cell")
    flags.add_argument("--out", metavar="RUN", required=True, help="folder of the search, made if need be")
    named: dict[str, Any] = {"metavar": "TASK", "nargs": "+"}
    chosen, judged, steps = (" ".join(map(str, values)) for values in (CHOSEN_ON, HELD_OUT, UPDATES))
    flags.add_argument("--task", **named, default=CHOSEN_ON, help=f"to choose cells on (default: {chosen})")
    flags.add_argument("--held-out", **named, default=HELD_OUT, help=f"to judge the cell by (default: {judged})")
    whole: dict[str, Any] = {"type": int, "metavar": "N"}
    flags.add_argument("--minutes", type=float, metavar="N", default=30.0, help="for all (default: 30)")
    flags.add_argument("--generations", **whole, help="of eight cells at most (default: as many as there is time for)")
    about = f"of cells, or all children of known ones (default: {METHODS[0]})"
    flags.add_argument("--method", choices=METHODS, default=METHODS[0], help=about)
    about = f"at which cells are judged; all but the last are hurdles (default: {steps})"
    flags.add_argument("--updates", **whole, nargs="+", default=UPDATES, help=about)
    flags.add_argument(
        "--units", **whole, default=24, help="of the LSTM that has a cell's number of weights (default: 24)"
    )
    flags.add_argument("--seed", **whole, default=0, help="of all that is random (default: 0)")
    cores = os.cpu_count() or 1
    flags.add_argument(
        "--processes", **whole, default=cores, help="that train; the result is the same (default: one a processor)"
    )
    return flags
