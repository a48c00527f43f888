"""`keepgate translate`: translations of sentences, or replies to messages, as they are typed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from keepgate import limits
from keepgate.cli import parser
from keepgate.errors import InputError

if TYPE_CHECKING:
    from keepgate.tasks.translate.estimator import Translator

EXAMPLE = """\
  keepgate translate runs/captions "ein Mann liest" "zwei Hunde"
  keepgate translate runs/captions --nbest 3 < sentences.txt
  keepgate translate runs/replies "are you coming?\""""

DESCRIPTION = """\
Translate with a model of `keepgate fit translate`: sentences that are given, or each line of standard input as soon as
it is there. A line is written for each; with --nbest, and for replies, several, each after its score and a tab, and an
empty line."""


def main(arguments: Sequence[str]) -> None:
    """Print translations."""
    flags = parser("translate", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of the run")
    flags.add_argument("sentences", metavar="SENTENCE", nargs="*", help="what to translate (default: standard input)")
    flags.add_argument("--nbest", type=int, metavar="N", help="how many for each (default: 1; of replies 3)")
    flags.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ... (default: auto)")
    options = flags.parse_intermixed_args(arguments)
    from keepgate.tasks.translate.estimator import Translator

    translator = Translator.load(options.run, options.device)
    for sentence in options.sentences or _typed():
        _print(translator, sentence, options.nbest)


def _print(translator: Translator, sentence: str, nbest: int | None) -> None:
    found = translator.translate([sentence], nbest)[0]
    if len(found) == 1:
        print(found[0].text, flush=True)
    else:
        print(*(f"{one.score:.3f}\t{one.text}" for one in found), "", sep="\n", flush=True)


def _typed() -> Iterator[str]:
    """Yield the lines of standard input that are not blank, after a prompt if it is a terminal."""
    terminal, most = sys.stdin.isatty(), limits.limit("line_bytes")
    while True:
        if terminal:
            print("> ", end="", file=sys.stderr, flush=True)
        try:
            line = sys.stdin.readline(most + 1)
        except UnicodeDecodeError as error:
            raise InputError(f"standard input is not text in UTF-8: {error.reason} at byte {error.start}") from error
        if not line:
            return
        limits.check("line_bytes", len(line), "a line of standard input")
        if line.strip():
            yield line.strip()
