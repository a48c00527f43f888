"""The command line: one command a module of this package, each with a `main(arguments)`.

A command returns nothing and writes its result to standard output. Errors are one line on standard
error: exit code 2 for what the user can change, 130 for an interruption, 143 and 129 for SIGTERM and SIGHUP, 70 for a
fault of keepgate. Commands import late, so that `keepgate --help` needs no torch.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import keepgate
from keepgate.cli import faults
from keepgate.cli.stopping import stoppable
from keepgate.errors import InputError, quoted

COMMANDS = {
    "fit": "train a model on a file",
    "predict": "predict with a trained model",
    "evaluate": "score a trained model on a file, or in its environment, next to baselines",
    "update": "let a forecaster go on learning from new rows",
    "translate": "translate sentences as they are typed, or reply to messages",
    "film": "film a trained policy in its environment",
    "detect": "find what is out of the ordinary in series",
    "write": "write on from a prompt with a language model",
    "suggest": "suggest words while one types",
    "transcribe": "print the text of recordings or handwriting, also of a live stream",
    "segment": "print where in recordings something is heard, also of a live stream",
    "export": "write a trained model for other programs: ONNX",
    "compress": "compress a file with an LSTM that trains on it as it reads",
    "decompress": "unpack what compress packed",
    "search": "search for a recurrent cell: equations that are mutated, trained and compared",
    "cells": "list the recurrent cells",
    "show": "show the equations of a cell",
    "doctor": "say what is installed and which engines run here",
}

EXAMPLES = """\
examples:
  keepgate fit classify train.ts --out runs/vowels
  keepgate evaluate runs/vowels test.ts
  keepgate fit forecast history.csv --horizon 24 --out runs/load
  keepgate predict runs/load history.csv --out forecast.csv
  keepgate transcribe runs/digits new/*.wav
  keepgate export runs/load --to onnx
  keepgate compress book.txt --out book.kg
  keepgate show peephole_lstm

`keepgate COMMAND --help` tells more."""


class _Parser(argparse.ArgumentParser):
    """A parser whose own exits are told from those of other code."""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        try:
            super().exit(status, message)
        except SystemExit as stop:
            raise faults.Finished(stop.code) from None
        raise AssertionError

    def parse_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
        """Parse all arguments; one that is none of the flags is refused with the most similar flag."""
        options, rest = self.parse_known_args(args, namespace)
        if rest:
            flags = [flag for action in self._actions for flag in action.option_strings]
            self.error(f"unknown argument {quoted(rest[0])}{did_you_mean(rest[0].partition('=')[0], flags)}")
        return options


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """Return a type of an argument that is one of these names; another is refused with the most similar one."""

    def checked(text: str) -> str:
        if text in names:
            return text
        raise argparse.ArgumentTypeError(
            f"{quoted(text)} is none of {', '.join(names)}{did_you_mean(text, names)}",
        )

    return checked


def did_you_mean(text: str, names: Iterable[str]) -> str:
    """Return the end of a message: the name that is most similar, or nothing."""
    similar = difflib.get_close_matches(text, list(names), n=1)
    return f"; did you mean {similar[0]}?" if similar else ""


def parser(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    """Return the argument parser of one command, its help closed by examples."""
    return _Parser(
        prog=f"keepgate {command}",
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run `keepgate` with these arguments (by default the process') and return its exit code."""
    table = "\n".join(f"  {name:<12}{text}" for name, text in COMMANDS.items())
    top = argparse.ArgumentParser(
        prog="keepgate",
        usage="keepgate [-h] [--version] COMMAND ...",
        description=f"Long short-term memory for Python.\n\ncommands:\n{table}",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"keepgate {keepgate.__version__}")
    top.add_argument("command", type=one_of(COMMANDS), metavar="COMMAND", help=argparse.SUPPRESS)
    top.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = top.parse_args(argv)
    return run(arguments.command, arguments.arguments)


def run(command: str, arguments: Sequence[str]) -> int:
    """Run one command and turn what stops it into a line on standard error and an exit code."""
    error = None
    try:
        with stoppable():
            importlib.import_module(f"keepgate.cli.{command}").main(arguments)
    except faults.Finished:
        raise
    except BaseException as found:
        error = found
    try:
        if sys.stdout is not None:  # it is None where it was closed
            sys.stdout.flush()
    except BrokenPipeError as gone:
        error = gone
    except OSError as unwritten:
        error = InputError(f"cannot write to standard output: {unwritten.strerror or unwritten}")
        silence()
    if isinstance(error, BrokenPipeError):
        silence()
        return 141
    return 0 if error is None else faults.tell(command, arguments, error)


def silence() -> None:
    """Point standard output, which is closed, at the null device, so that Python does not fail on it at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
