"""The command line: one command a module of this package, each with a `main(arguments)`.

A command returns nothing and writes its result to standard output. What goes wrong is told in one line on standard
error: exit code 2 for what the user can change, 130 for an interruption. Commands import late, so that `keepgate
--help` needs no torch.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

import keepgate
from keepgate.errors import KeepgateError
from keepgate.extras import missing_extra

COMMANDS = {
    "fit": "train a model on a file",
    "predict": "predict with a trained model",
    "evaluate": "score a trained model on a file, beside honest baselines",
    "translate": "translate sentences as they are typed, or reply to messages",
    "detect": "find what is out of the ordinary in series",
    "write": "write on from a prompt with a language model",
    "suggest": "suggest words while one types",
    "transcribe": "print the text of recordings or handwriting, also of a live stream",
    "export": "write a trained model for other programs: ONNX",
    "compress": "compress a file by an LSTM that learns it meanwhile",
    "decompress": "unpack what compress packed",
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


def parser(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    """The argument parser of one command, its help closed by examples."""
    return argparse.ArgumentParser(
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
    top.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    top.add_argument("arguments", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = top.parse_args(argv)
    return run(arguments.command, arguments.arguments)


def run(command: str, arguments: Sequence[str]) -> int:
    """Run one command and turn what stops it into a line on standard error and an exit code."""
    try:
        importlib.import_module(f"keepgate.cli.{command}").main(arguments)
        sys.stdout.flush()
    except KeepgateError as error:
        print(f"keepgate {command}: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        reason = missing_extra(error.name)
        if reason is None:
            raise
        print(f"keepgate {command}: {reason}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"keepgate {command}: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (`head`, say) has gone; Python must not find out again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return 0
