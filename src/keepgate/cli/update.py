"""`keepgate update`: let a forecaster go on learning from new rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keepgate import tasks
from keepgate.cli import parser
from keepgate.cli.text import print_notes
from keepgate.errors import InputError, printable

EXAMPLE = """\
  keepgate update runs/load history_and_after.csv
  keepgate update runs/load this_year.csv --epochs 5 --out runs/load_now"""

DESCRIPTION = """\
Go on with a trained forecaster where there are new rows: its linear part is solved again and its recurrent layers are
trained on from their weights, both on the whole file, which holds the series up to now with as much of their past as
is to count. It takes a small part of the time of a fit."""


def main(arguments: Sequence[str]) -> None:
    """Update a model, and write it in the place of the old one or to another folder."""
    flags = parser("update", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument("data", metavar="DATA", help="file with the series, read as the training file was")
    flags.add_argument("--out", metavar="RUN", help="folder for the updated model (default: the same)")
    flags.add_argument("--epochs", metavar="N", type=int, default=2, help="passes over the file (default: 2)")
    flags.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: auto)")
    options = flags.parse_args(arguments)
    estimator = tasks.load(options.run, options.device)
    if estimator.TASK != "forecast":
        raise InputError(f"models of forecast are updated; {options.run} is one of {estimator.TASK}")
    face = tasks.face(estimator)
    data = face.read_alike(options.data)
    print_notes("update", face.notes(data))
    face.estimator.update(data, epochs=options.epochs)
    out = Path(options.run if options.out is None else options.out)
    estimator.save(out)
    print(printable(f"updated with {options.data}: model in {out}"))
