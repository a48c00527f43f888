"""`keepgate segment`: where in recordings something is heard, also in a live stream."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from keepgate.cli import parser
from keepgate.cli.several import Outputs, Refusals
from keepgate.errors import InputError
from keepgate.store import STANDARD_STREAM, check_different
from keepgate.tasks.common.parameters import parameters
from keepgate.tasks.segment.parameters import SegmenterParameters

if TYPE_CHECKING:
    from keepgate.tasks.common.estimator import Estimator
    from keepgate.tasks.segment.estimator import Segmenter

FORMATS = ("csv", "rttm", "txt", "json")
THRESHOLDS = ("onset", "offset", "min_on", "min_off")

EXAMPLE = """\
  keepgate segment runs/speech talks/*.mp3 --out segments --format rttm
  keepgate segment runs/speech talk.flac --onset 0.8 --min-off 0.5 --out talk.txt
  arecord -t raw -f S16_LE -r 16000 | keepgate segment runs/live -"""

DESCRIPTION = """\
Print the segments of recordings: path, start and end in seconds, label and confidence. Files are recordings, which are
resampled to the model's rate, or manifests of them. Standard input, -, is 16-bit samples of one channel or a WAV of
such, of which a model that was fitted with --no-bidirectional gives each segment when it has ended; or a recording in
another format, known by its first bytes. Formats: csv; rttm; txt, a label track of Audacity; json. A file that cannot
be used does not stop the others: it is named at the end, and the exit code is 2."""


def main(arguments: Sequence[str]) -> None:
    """Segment the files, or standard input."""
    flags = parser("segment", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument("files", metavar="FILE", nargs="+", help="recording, manifest, or -")
    flags.add_argument(
        "--out", metavar="PATH", help="a file with the suffix of a format, or a folder for a file of each recording"
    )
    flags.add_argument("--format", choices=FORMATS, help="(default: by the suffix of --out, else csv)")
    flags.add_argument("--rate", type=int, metavar="N", help="Hz of bare samples on standard input (default: model's)")
    flags.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: auto)")
    add_thresholds(flags)
    options = flags.parse_args(arguments)
    live = STANDARD_STREAM in options.files and options.out is None
    if live and (len(options.files) > 1 or options.format == "json"):
        raise InputError("standard input (-) is segmented alone and in lines: csv, rttm or txt; or give --out")
    if options.rate is not None and (not live or options.rate < 1):
        raise InputError(f"--rate {options.rate} is of bare samples on standard input (-), at least 1")
    outputs = Outputs(options.out, options.format, FORMATS)
    for file in options.files:
        check_different(file, outputs.file)
    from keepgate.tasks.segment.estimator import Segmenter

    model = Segmenter.load(options.run, "cpu" if live else options.device)
    apply_thresholds(model, options)
    if live:
        listen(model, options.rate, outputs.format)
    else:
        segment(model, options.files, outputs)


def add_thresholds(flags: argparse.ArgumentParser) -> None:
    """Add the flags of what makes probabilities segments."""
    group = flags.add_argument_group("thresholds, for models of segment")
    for name, _, about in parameters(SegmenterParameters):
        if name in THRESHOLDS:
            text = f"{about['help']} (default: as the model was fitted)"
            group.add_argument("--" + name.replace("_", "-"), type=float, metavar="X", help=text)


def apply_thresholds(estimator: Estimator, options: argparse.Namespace) -> None:
    """Make a segmenter use the thresholds that are given.

    Raises:
        InputError: some are, and it is no segmenter; or they do not go together.
    """
    given = {name: value for name in THRESHOLDS if (value := getattr(options, name)) is not None}
    if given and estimator.TASK != "segment":
        raise InputError(f"thresholds are for models of segment; {options.run} is one of {estimator.TASK}")
    estimator.set_params(**given).check_fitted()


def segment(model: Segmenter, files: Sequence[str], outputs: Outputs) -> None:
    """Segment files, each for itself; those that are printed or go to one file stand together.

    Raises:
        InputError: some could not be read; the others are done.
    """
    from keepgate.data.recordings.segments import encode_segments
    from keepgate.tasks import face as face_of

    face, refusals = face_of(model), Refusals("segment")
    rows: list[dict[str, Any]] = []
    for file in files:
        with refusals.kept():
            data = face.read_alike(file, labelled=False, skip_bad=True)  # type: ignore[call-arg]
            refusals.messages += face.notes(data)
            for name, found in zip(data.names, model.predict(data), strict=True):
                own = [{"path": name, **one._asdict()} for one in found]
                rows += own
                if outputs.folder is not None:
                    stem = "standard-input" if name == STANDARD_STREAM else Path(name).stem
                    with refusals.kept():
                        outputs.write(name, stem, encode_segments(own, f".{outputs.format}").decode())
    if outputs.folder is None and (rows or not refusals.messages):
        together(rows, outputs)
    refusals.tell()


def together(rows: list[dict[str, Any]], outputs: Outputs) -> None:
    """Print the segments of all recordings, or write them to one file."""
    from keepgate.data.recordings.segments import encode_segments

    names = {row["path"] for row in rows}
    if outputs.format == "txt" and len(names) > 1:
        raise InputError("a label track is of one recording, but there are several; give --out FOLDER")
    content = encode_segments(rows, f".{outputs.format}").decode()
    if outputs.file is None:
        print(content, end="", flush=True)
    else:
        outputs.write(", ".join(sorted(names)), "", content)


def listen(model: Segmenter, rate: int | None, format: str) -> None:
    """Print the segments of standard input, each when it has ended."""
    from keepgate.data.audio.stream import live_samples
    from keepgate.data.recordings.segments import encode_segments

    live, header = model.live(), 1 if format == "csv" else 0
    pipe = cast(io.BufferedReader, sys.stdin.buffer)

    def show(found: Sequence[Any]) -> None:
        rows = [{"path": STANDARD_STREAM, **one._asdict()} for one in found]
        lines = encode_segments(rows, f".{format}").decode().splitlines(keepends=True)
        print("".join(lines[header:]), end="", flush=True)

    if header:
        print("path,start,end,label,confidence", flush=True)
    for samples in live_samples(pipe, rate or model.rate_, model.rate_):
        show(live.feed(samples))
    show(live.finish())
