"""`keepgate transcribe`: the text of recordings and of handwriting, a line for each file, or of a live stream."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from keepgate.cli import parser
from keepgate.cli.decoding import add_decoding, apply_decoding
from keepgate.cli.text import print_notes
from keepgate.errors import InputError

if TYPE_CHECKING:
    from keepgate.data.recordings.manifest import Utterances
    from keepgate.tasks.common.face import Face
    from keepgate.tasks.transcribe.alignment import Transcript
    from keepgate.tasks.transcribe.estimator import Transcriber

EXAMPLE = """\
  keepgate transcribe runs/digits new/*.wav
  keepgate transcribe runs/handwriting note.inkml words.jsonl --language-model words.txt --language words
  keepgate transcribe runs/digits call.flac --timestamps
  arecord -t raw -f S16_LE -r 8000 | keepgate transcribe runs/live -"""

DESCRIPTION = """\
Print a line for each file: its path, a tab, and its text. Files are recordings, which are resampled to the model's
rate, .inkml, or manifests (.csv, .jsonl, also .gz) of either, which give a line for each row. The one file - is
standard input: 16-bit samples of one channel, or a WAV file of such, which a model that was fitted with
--no-bidirectional transcribes as they come; or a recording in another format (FLAC, OGG, MP3, ...), which is known by
its first bytes and read to its end first."""


def main(arguments: Sequence[str]) -> None:
    """Transcribe the files, or standard input."""
    flags = parser("transcribe", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument("files", metavar="FILE", nargs="+", help="recording, .inkml, manifest, or -")
    flags.add_argument(
        "--timestamps",
        action="store_true",
        help="print JSON lines instead: path, text, and of each symbol begin, end (seconds, or width of ink in "
        "deviations of its height) and confidence",
    )
    flags.add_argument("--rate", type=int, metavar="N", help="Hz of bare samples on standard input (default: model's)")
    flags.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: auto)")
    add_decoding(flags)
    options = flags.parse_args(arguments)
    live = "-" in options.files
    if live and (len(options.files) > 1 or options.timestamps):
        raise InputError("standard input (-) is transcribed alone and without --timestamps")
    if options.rate is not None and (not live or options.rate < 1):
        raise InputError(f"--rate {options.rate} is of bare samples on standard input (-), at least 1")
    model = load(options.run, "cpu" if live else options.device)
    apply_decoding(model, options)
    if live:
        listen(model, options.rate)
        return
    from keepgate.tasks import face as face_of

    face = face_of(model)
    for file in options.files:
        data = read(face, file)
        print_notes("transcribe", face.notes(data))
        for name, transcript in zip(data.names, model.transcribe(data), strict=True):
            print(as_json(name, transcript) if options.timestamps else f"{name}\t{transcript.text}", flush=True)


def load(run: str, device: str) -> Transcriber:
    """Return the model of a run.

    Raises:
        InputError: it is of another task.
    """
    from keepgate.tasks.transcribe.estimator import Transcriber

    return Transcriber.load(run, device)


def read(face: Face, file: str) -> Utterances:
    """Return the utterances of one file, named as the lines that are printed."""
    from dataclasses import replace

    data = face.read_alike(file, labelled=False)
    if data.kind == "audio" or data.path is None:
        return data
    return replace(data, names=[data.where(i) for i in range(len(data))])


def as_json(name: str, transcript: Transcript) -> str:
    """Return one utterance as a line of JSON."""
    _, *columns = transcript
    rows = zip(*columns, strict=True)
    symbols = [
        {"symbol": symbol, "begin": round(begin, 3), "end": round(end, 3), "confidence": round(confidence, 4)}
        for symbol, begin, end, confidence in rows
    ]
    return json.dumps({"path": name, "text": transcript.text, "symbols": symbols}, ensure_ascii=False)


def listen(model: Transcriber, rate: int | None) -> None:
    """Print the text of standard input while it comes."""
    from keepgate.data.audio.stream import live_samples

    live = model.live()
    assert model.rate_ is not None
    pipe = cast(io.BufferedReader, sys.stdin.buffer)
    for samples in live_samples(pipe, rate or model.rate_, model.rate_):
        print(live.feed(samples), end="", flush=True)
    print(live.finish())
