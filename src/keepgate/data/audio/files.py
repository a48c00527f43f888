"""Recordings of sound: samples from a file or an array, checked, and resampled."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from keepgate import limits
from keepgate.data.arrays import numbers_of
from keepgate.data.audio.kinds import HEAD, kind_of
from keepgate.data.files import as_path, open_file, read_standard_input
from keepgate.errors import InputError, quoted, reason
from keepgate.store import STANDARD_STREAM

__all__ = ["LONGEST", "as_samples", "check_rate", "decode_audio", "read_audio", "resample"]

LONGEST = 3600.0  # seconds that a recording may last
LOWEST_RATE = 100  # Hz: a hop of `keepgate.data.audio.log_mel` is one sample
BLOCK = 2**20  # samples read at a time, of all channels
PIPED = "pipe a recording into it (WAV, FLAC, OGG, MP3, ...)"


def read_audio(path: str | Path, rate: int | None = None) -> tuple[np.ndarray, int]:
    """Read a recording.

    Args:
        path: of the file, in any format that libsndfile reads, which is told by its first bytes; "-" is standard input.
        rate: in Hz, to resample to; None: that of the file.

    Returns:
        The samples [N] float32 from -1 to 1, averaged over channels, and their rate in Hz.

    Raises:
        InputError: the file is missing, no audio, empty, silent throughout, not finite, or over an hour long; a rate is
            below 100 Hz; or there are more than `audio_rate`, `audio_channels` or `audio_samples`, which is noticed
            before memory is allocated.
    """
    path = as_path(path)
    if str(path) == STANDARD_STREAM:
        return decode_audio(read_standard_input(), rate)
    with open_file(path) as opened:
        if not opened.read(1):
            raise InputError(f"{path} is empty: it has no bytes")
        opened.seek(0)
        return _decoded(opened, path, rate)


def decode_audio(data: bytes, rate: int | None = None) -> tuple[np.ndarray, int]:
    """Return the recording whose file came by standard input; see `read_audio`."""
    if not data:
        raise InputError(f"standard input is empty; {PIPED}")
    if kind_of(data[:HEAD]) == "text":
        raise InputError(f"standard input is text and no recording; {PIPED}")
    return _decoded(io.BytesIO(data), "standard input", rate)


def _decoded(opened: BinaryIO, name: str | Path, rate: int | None) -> tuple[np.ndarray, int]:
    import soundfile

    if rate is not None:
        check_rate(rate, "the rate to resample to")
    try:
        with soundfile.SoundFile(opened) as file:
            _check_header(name, file)
            samples, file_rate = _averaged(file), file.samplerate
    except soundfile.SoundFileError as error:
        what = getattr(error, "error_string", reason(error)).rstrip(".")
        raise InputError(f"{name} is no audio file ({what})") from error
    if not len(samples):
        raise InputError(f"{name} has no samples")
    if not np.isfinite(samples).all():
        raise InputError(f"{name} has samples that are not finite")
    if not samples.any():
        raise InputError(f"{name} is silent throughout: all samples are zero")
    if rate in (None, file_rate):
        return samples, file_rate
    limits.check("audio_samples", -(-len(samples) * rate // file_rate), f"{name} at {rate} Hz")
    return resample(samples, file_rate, rate), rate


def check_rate(rate: int, what: object) -> None:
    """Check that a rate is one that windows of some samples can be taken at.

    Args:
        rate: in Hz.
        what: begins the message.

    Raises:
        InputError: the rate is below 100 Hz or above `audio_rate`.
    """
    if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)) or rate < LOWEST_RATE:
        raise InputError(f"{what} is {quoted(rate)} Hz: give an integer from {LOWEST_RATE} on")
    limits.check("audio_rate", int(rate), what)


def _check_header(path: str | Path, file: Any) -> None:
    check_rate(file.samplerate, path)
    limits.check("audio_channels", file.channels, path)
    seconds = file.frames / file.samplerate
    if seconds > LONGEST:
        raise InputError(
            f"{path} lasts {seconds / 3600:.1f} hours; cut it into pieces of at most {LONGEST / 3600:.0f} h"
        )
    limits.check("audio_samples", file.frames * file.channels, path)


def _averaged(file: Any) -> np.ndarray:
    """Return the mean of the channels, read in pieces, so that a false header cannot make it allocate memory."""
    pieces = []
    while len(block := file.read(max(1, BLOCK // file.channels), dtype="float32", always_2d=True)):
        pieces.append(block.mean(axis=1))
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def as_samples(values: Any) -> np.ndarray:
    """Return samples [N] float32.

    Raises:
        InputError: it is no array [N] of numbers, not finite, or silent throughout.
    """
    try:
        samples = numbers_of(values)
    except Exception as error:  # of the library that it is an array of
        raise InputError(f"samples are no array of numbers: {reason(error)}") from error
    if samples.ndim != 1 or not len(samples) or not (np.abs(samples) <= np.finfo(np.float32).max).all():
        raise InputError(f"samples of shape {samples.shape}: expected [N], at least one, all finite")
    samples = samples.astype(np.float32)
    if not samples.any():
        raise InputError("the recording is silent throughout")
    return samples


def resample(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    """Return samples at another rate in Hz."""
    import soxr

    return soxr.resample(samples, rate, to)
