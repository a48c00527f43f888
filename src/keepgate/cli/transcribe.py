"""`keepgate transcribe`: the text of recordings and of handwriting, a line for each file, or of a live stream."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from keepgate.cli import parser
from keepgate.cli.decoding import add_decoding, apply_decoding
from keepgate.cli.several import Outputs, Refusals
from keepgate.errors import InputError
from keepgate.store import STANDARD_STREAM, check_different

if TYPE_CHECKING:
    from keepgate.data.recordings.manifest import Utterances
    from keepgate.tasks.transcribe.alignment import Transcript
    from keepgate.tasks.transcribe.estimator import Transcriber

LINES = ("txt", "json")  # formats of which many can be printed one after the other
ALONE, FOLDER = "one .{} is of one recording", "give --out FOLDER, for a file of each"

EXAMPLE = """\
  keepgate transcribe runs/digits new/*.wav
  keepgate transcribe runs/speech talks/*.mp3 --out subtitles --format srt
  keepgate transcribe runs/speech talk.mp3 --out talk.TextGrid
  keepgate transcribe runs/handwriting note.inkml words.jsonl --language-model words.txt --language words
  keepgate transcribe runs/digits call.flac --timestamps
  arecord -t raw -f S16_LE -r 8000 | keepgate transcribe runs/live -"""

DESCRIPTION = """\
Print a line for each file: its path, a tab, and its text. Files are recordings, which are resampled to the model's
rate, .inkml, or manifests (.csv, .jsonl, also .gz) of either, which give a line for each row. The one file - is
standard input: 16-bit samples of one channel, or a WAV file of such, which a model that was fitted with
--no-bidirectional transcribes as they come; or a recording in another format (FLAC, OGG, MP3, ...), which is known by
its first bytes and read to its end first. Formats: txt, the text; json, with the places of words and symbols; tsv, a
row for each word; srt and vtt, subtitles; TextGrid, for Praat. A file that cannot be used does not stop the others: it
is named at the end, and the exit code is 2."""


def main(arguments: Sequence[str]) -> None:
    """Transcribe the files, or standard input."""
    from keepgate.tasks.transcribe.writing import FORMATS

    flags = parser("transcribe", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument("files", metavar="FILE", nargs="+", help="recording, .inkml, manifest, or -")
    flags.add_argument(
        "--out", metavar="PATH", help="a file with the suffix of a format, or a folder for a file of each recording"
    )
    flags.add_argument("--format", choices=FORMATS, help="(default: by the suffix of --out, else txt)")
    flags.add_argument(
        "--timestamps",
        action="store_true",
        help="print JSON lines, as --format json: path, text, and of each word and symbol begin, end (seconds, or "
        "width of ink in deviations of its height) and confidence",
    )
    flags.add_argument("--rate", type=int, metavar="N", help="Hz of bare samples on standard input (default: model's)")
    flags.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: auto)")
    add_decoding(flags)
    options = flags.parse_args(arguments)
    format = "json" if options.timestamps else options.format
    live = STANDARD_STREAM in options.files and format is None and options.out is None
    if live and len(options.files) > 1:
        raise InputError("standard input (-) is transcribed alone, unless --format or --out is given")
    if options.rate is not None and (not live or options.rate < 1):
        raise InputError(f"--rate {options.rate} is of bare samples on standard input (-), at least 1")
    outputs = Outputs(options.out, format, tuple(FORMATS))
    for file in options.files:
        check_different(file, outputs.file)
    model = load(options.run, "cpu" if live else options.device)
    apply_decoding(model, options)
    if live:
        listen(model, options.rate)
    else:
        transcribe(model, options.files, outputs)


def transcribe(model: Transcriber, files: Sequence[str], outputs: Outputs) -> None:
    """Transcribe files, each for itself.

    Raises:
        InputError: some could not be; the others are done.
    """
    from keepgate.tasks import face as face_of
    from keepgate.tasks.transcribe.writing import check_untimed

    if model.rate_ is None:
        check_untimed(outputs.format)
    face, refusals = face_of(model), Refusals("transcribe")
    alone = outputs.file is not None or (outputs.folder is None and outputs.format not in LINES)
    if alone and len(files) > 1:
        raise InputError(f"{ALONE.format(outputs.format)}, but there are {len(files)}; {FOLDER}")
    for file in files:
        with refusals.kept():
            data = face.read_alike(file, labelled=False, skip_bad=True)  # type: ignore[call-arg]
            if alone and len(data) > 1:
                raise InputError(f"{ALONE.format(outputs.format)}, but {file} has {len(data)}; {FOLDER}")
            refusals.messages += face.notes(data)
            for index, transcript in enumerate(model.transcribe(data)):
                with refusals.kept():
                    deliver(data, index, transcript, outputs)
    refusals.tell()


def deliver(data: Utterances, index: int, transcript: Transcript, outputs: Outputs) -> None:
    """Print or write one transcript."""
    from keepgate.tasks.transcribe.writing import encode_transcript

    name, stem = named(data, index)
    if outputs.format == "txt" and outputs.file is None and outputs.folder is None:
        print(f"{name}\t{transcript.text}", flush=True)
        return
    seconds = None if data.rate is None else len(data.contents[index]) / data.rate
    content = encode_transcript(name, transcript, seconds, outputs.format)
    if outputs.file is None and outputs.folder is None:
        print(content, end="", flush=True)
    else:
        outputs.write(name, stem, content)


def named(data: Utterances, index: int) -> tuple[str, str]:
    """Return what an utterance is called, and the stem of the name of its file."""
    if data.kind == "ink" and data.path is not None and data.numbers is not None:
        return data.where(index), f"{Path(data.path).name.partition('.')[0]}-{data.numbers[index]}"
    name = data.names[index]
    return name, "standard-input" if name == STANDARD_STREAM else Path(name).stem


def load(run: str, device: str) -> Transcriber:
    """Return the model of a run.

    Raises:
        InputError: it is of another task.
    """
    from keepgate.tasks.transcribe.estimator import Transcriber

    return Transcriber.load(run, device)


def listen(model: Transcriber, rate: int | None) -> None:
    """Print the text of standard input while it comes."""
    from keepgate.data.audio.stream import live_samples

    live = model.live()
    assert model.rate_ is not None
    pipe = cast(io.BufferedReader, sys.stdin.buffer)
    for samples in live_samples(pipe, rate or model.rate_, model.rate_):
        print(live.feed(samples), end="", flush=True)
    print(live.finish())
