"""`keepgate export`: a trained model as a file that other programs run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from keepgate import tasks
from keepgate.cli import parser
from keepgate.errors import InputError, printable, quoted

EXAMPLE = """\
  keepgate export runs/load --to onnx
  keepgate export runs/vowels --to onnx --out vowels.onnx"""

DESCRIPTION = """\
Write a trained model as a file for another program. onnx: the model from what its front end gives to predictions, with
free batch size and length: values as they are in the data, features of recordings and ink, numbers of words and other
units; a translator is two files, encoder and decoder. Names and shapes of inputs and outputs, and what they mean, are
in the file and are printed."""

FORMATS = {"onnx": ".onnx"}


def main(arguments: Sequence[str]) -> None:
    """Write the file and print what goes in and what comes out."""
    flags = parser("export", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument("--to", required=True, metavar="FORMAT", help=", ".join(FORMATS))
    flags.add_argument("--out", metavar="FILE", help="file to write; it is replaced (default: model.onnx in RUN)")
    options = flags.parse_args(arguments)
    if options.to not in FORMATS:
        raise InputError(f"--to {quoted(options.to)} is no format to export to; there is {', '.join(FORMATS)}")
    estimator = tasks.load(options.run, "cpu")
    from keepgate.export import onnx

    whole = Path(options.out or Path(options.run) / f"model{FORMATS[options.to]}")
    for part in estimator.onnx_parts or (None,):
        path = whole if part is None else whole.with_name(f"{whole.stem}-{part}{whole.suffix}")
        graph = onnx(estimator, path, part=part).graph
        print(printable(str(path)))
        for word, values in (("input", graph.input), ("output", graph.output)):
            for value in values:
                print(printable(f"{word} {value.name}: {value.doc_string}"))
