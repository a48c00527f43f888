"""Flags for how a trained `Transcriber` decodes its scores."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepgate.cli.flags import add_flags, take
from keepgate.errors import InputError
from keepgate.tasks.transcribe.parameters import Decoding

if TYPE_CHECKING:
    from keepgate.tasks.common.estimator import Estimator


def add_decoding(flags: argparse.ArgumentParser) -> None:
    """Add the flags."""
    add_flags(flags.add_argument_group("decoding, for models of transcribe"), Decoding)


def apply_decoding(estimator: Estimator, options: argparse.Namespace) -> None:
    """Make the estimator decode as the flags say.

    Raises:
        InputError: the flags are used and it does not decode.
    """
    decoding, decode_with = take(options, Decoding), getattr(estimator, "decode_with", None)
    if decode_with is not None:
        decode_with(decoding)
    elif decoding != Decoding():
        raise InputError(f"options of decoding are for models of transcribe; {options.run} is one of {estimator.TASK}")
