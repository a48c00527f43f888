"""`keepgate evaluate`: scores of a trained model and of baselines."""

from __future__ import annotations

from collections.abc import Sequence

from keepgate import tasks
from keepgate.cli import parser
from keepgate.cli.decoding import add_decoding, apply_decoding
from keepgate.cli.segment import add_thresholds, apply_thresholds
from keepgate.cli.text import print_notes, table

EXAMPLE = """\
  keepgate evaluate runs/vowels test.ts
  keepgate evaluate runs/load history_and_after.csv
  keepgate evaluate runs/digits test.csv --beam 20"""

DESCRIPTION = """\
Score a trained model on a file, next to what needs no training: the commonest class for classify, and for tag; the
commonest text for transcribe; the last value and the value one season before for forecast; for write, models that
count single units and n-grams; for suggest, n-grams alone; for segment, a threshold on the loudness; for
translate, the sources themselves; for embed, means."""


def main(arguments: Sequence[str]) -> None:
    """Print the table of scores."""
    flags = parser("evaluate", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument("data", metavar="DATA", help="file with the truth, read as the training file was")
    flags.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: auto)")
    add_decoding(flags)
    add_thresholds(flags)
    options = flags.parse_args(arguments)
    estimator = tasks.load(options.run, options.device)
    apply_decoding(estimator, options)
    apply_thresholds(estimator, options)
    face = tasks.face(estimator)
    data = face.read_alike(options.data)
    print_notes("evaluate", face.notes(data))
    print(table(face.evaluate(data)))
