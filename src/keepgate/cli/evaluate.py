"""`keepgate evaluate`: scores of a trained model and of baselines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from keepgate import tasks
from keepgate.cli import parser
from keepgate.cli.decoding import add_decoding, apply_decoding
from keepgate.cli.episodes import add_episodes, apply_episodes
from keepgate.cli.predict import encode, table_format
from keepgate.cli.rolling import add_rolling, evaluated
from keepgate.cli.segment import add_thresholds, apply_thresholds
from keepgate.cli.text import print_notes, table
from keepgate.errors import InputError
from keepgate.store import check_different, write_atomic

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = (".json", ".csv")

EXAMPLE = """\
  keepgate evaluate runs/vowels test.ts
  keepgate evaluate runs/load history_and_after.csv --json
  keepgate evaluate runs/load history_and_after.csv --windows 5 --by step
  keepgate evaluate runs/terms test.conll --out scores.csv
  keepgate evaluate runs/digits test.csv --beam 20
  keepgate evaluate runs/pole --episodes 1000"""

DESCRIPTION = """\
Score a trained model on a file, next to what needs no training: the commonest class for classify, and for tag; the
commonest text for transcribe; the mean, and ridge regression on summaries, for regress; the last value and the value
one season before for forecast; for write, models that count single units and n-grams; for suggest, n-grams alone; for
segment, a threshold on the loudness; for translate, the sources themselves; for embed, means; for control, the same
policy without its memory, and chance."""


def main(arguments: Sequence[str]) -> None:
    """Print the table of scores."""
    flags = parser("evaluate", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument(
        "data",
        metavar="DATA",
        nargs="?",
        help="file with the truth, read as the training file was; of a policy, its environment (default: the one that "
        "was learned in)",
    )
    flags.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: auto)")
    flags.add_argument("--json", action="store_true", help="print the scores as JSON, not as a table (default: no)")
    flags.add_argument("--out", metavar="FILE", help="write the scores to a file too, .json or .csv (default: no file)")
    add_decoding(flags)
    add_thresholds(flags)
    add_rolling(flags)
    add_episodes(flags)
    options = flags.parse_args(arguments)
    suffix = table_format(options.out, FORMATS)
    if options.data is not None:
        check_different(options.data, options.out)
    estimator = tasks.load(options.run, options.device)
    apply_decoding(estimator, options)
    apply_thresholds(estimator, options)
    apply_episodes(estimator, options)
    face = tasks.face(estimator)
    if options.data is None and face.needs_data:
        raise InputError(f"{options.run} is a model of {estimator.TASK}: name the file to score it on")
    data = face.read_alike(options.data)
    print_notes("evaluate", face.notes(data))
    rows, classes = evaluated(face, data, options)
    if options.out is not None:
        write_atomic(options.out, as_json(rows) if suffix == ".json" else encode(pa_table(rows), suffix))
    if options.json:
        print(as_json(rows).decode(), end="")
    else:
        print("\n\n".join(table(part) for part in (rows, classes) if part))


def plain(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of Python's own values; what is empty or no number is None."""

    def value_of(value: Any) -> Any:
        value = value.item() if hasattr(value, "item") else value
        return None if value == "" or (isinstance(value, float) and not math.isfinite(value)) else value

    return [{name: value_of(value) for name, value in row.items()} for row in rows]


def as_json(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows as JSON."""
    return (json.dumps(plain(rows), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def pa_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows as a table."""
    import pyarrow as pa

    return pa.Table.from_pylist(plain(rows))
