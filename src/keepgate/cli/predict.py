"""`keepgate predict`: a trained model's predictions as a table."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from keepgate import tasks
from keepgate.cli import parser
from keepgate.cli.decoding import add_decoding, apply_decoding
from keepgate.cli.segment import add_thresholds, apply_thresholds
from keepgate.cli.text import print_notes
from keepgate.errors import InputError
from keepgate.store import check_different, write_atomic

if TYPE_CHECKING:
    import pyarrow as pa

EXAMPLE = """\
  keepgate predict runs/vowels new.ts
  keepgate predict runs/load history.csv --out forecast.parquet
  keepgate predict runs/load history.csv --horizon 100
  keepgate predict runs/sales history.csv --future promotions.csv
  keepgate predict runs/terms new.txt --out new.conll
  keepgate predict runs/names article.txt --raw --out names.jsonl
  keepgate predict runs/speech talk.wav --out talk.txt
  keepgate predict runs/speech - < talk.mp3
  keepgate predict runs/handwriting new.jsonl --language-model words.txt --language words"""

DESCRIPTION = """\
Predict with a trained model: the class of every series, the steps that follow the end of every series, the tag of every
token (also as .conll, and as .jsonl with the spans), the text of every utterance, or the segments of every recording,
which are also written as .json, as RTTM and as a label track of Audacity, .txt; or the translation of every text, or
replies to it. The file is read by the columns that the model was trained with, and recordings are resampled to its
rate. A table or a recording (WAV, FLAC, OGG, MP3, ...) may also come by standard input, named -."""

FORMATS = (".csv", ".parquet", ".arrow", ".feather")


def main(arguments: Sequence[str]) -> None:
    """Write the predictions for a file, by default as CSV to standard output."""
    flags = parser("predict", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument("data", metavar="DATA", help="file to predict for, or - for standard input")
    flags.add_argument("--out", metavar="FILE", help=f"{', '.join(FORMATS)} (default: CSV to standard output)")
    flags.add_argument(
        "--future", metavar="FILE", help="of a forecast: what is known ahead of the rows after the end of each series"
    )
    flags.add_argument(
        "--horizon",
        metavar="N",
        type=int,
        help="of a forecast: steps after the end of each series; more than the model was trained for are rolled out, "
        "each horizon from the forecasts of the one before (default: those of the training)",
    )
    flags.add_argument(
        "--raw",
        action="store_true",
        help="of tagging: DATA is running text, cut into sentences and words by rules for English (extra tag); "
        "what is found has its place in its line",
    )
    flags.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: auto)")
    add_decoding(flags)
    add_thresholds(flags)
    options = flags.parse_args(arguments)
    check_different(options.data, options.out)
    estimator = tasks.load(options.run, options.device)
    apply_decoding(estimator, options)
    apply_thresholds(estimator, options)
    face = tasks.face(estimator)
    if options.horizon is not None:
        face.set_horizon(options.horizon)
    suffix = table_format(options.out, (*FORMATS, *face.encoders))
    data = face.read_running(options.data) if options.raw else face.read_alike(options.data, labelled=False)
    if options.future is not None:
        data = face.with_future(data, options.future)
    print_notes("predict", face.notes(data))
    table = face.table(data)
    content = face.encoders[suffix](table) if suffix in face.encoders else encode(table, suffix)
    if options.out is None:
        sys.stdout.write(content.decode())
    else:
        write_atomic(options.out, content)


def table_format(path: str | None, formats: Sequence[str] = FORMATS) -> str:
    """Return the suffix of a table file to write, .csv for standard output (None).

    Raises:
        InputError: it is none of `formats`.
    """
    suffix = ".csv" if path is None else Path(path).suffix.lower()
    if suffix not in formats:
        raise InputError(f"--out {path} ends in none of {', '.join(formats)}")
    return suffix


def encode(table: pa.Table, suffix: str) -> bytes:
    """Return the bytes of a table file of the kind that `suffix` names."""
    from pyarrow import csv, feather, parquet

    writers = {".csv": csv.write_csv, ".parquet": parquet.write_table}
    buffer = io.BytesIO()
    writers.get(suffix, feather.write_feather)(table, buffer)
    return buffer.getvalue()
