"""Recordings as log-mel features: the power in bands of equal width to the ear, in short overlapping windows.

Davis & Mermelstein 1980 without the cosine transform; the mel scale is O'Shaughnessy's (1987), 2595 log10(1 + f/700).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from keepgate import limits
from keepgate.data.arrays import numbers_of
from keepgate.data.files import as_path, open_file
from keepgate.errors import InputError, quoted, reason

__all__ = [
    "HOP",
    "LONGEST",
    "as_samples",
    "check_rate",
    "hop_seconds",
    "hops",
    "log_mel",
    "mel_filters",
    "read_audio",
    "window_bands",
    "window_sizes",
]

WINDOW = 0.025  # seconds
HOP = 0.010  # seconds from window to window, but for the rounding to samples
FLOOR = 1e-10  # power below which all is silence
LOWEST = 20.0  # Hz
LONGEST = 3600.0  # seconds that a recording may last
LOWEST_RATE = 100  # Hz: a hop is one sample
BLOCK = 2**20  # samples read at a time, of all channels


def read_audio(path: str | Path, rate: int | None = None) -> tuple[np.ndarray, int]:
    """Read a recording: its samples [N] float32 in -1 to 1, channels averaged, and their rate in Hz.

    rate: resample to this rate, where the file has another.

    Raises InputError for a file that is missing, no audio, empty, silent throughout, not finite, or over an hour long;
    for a rate of less than 100 Hz; and for more than `audio_rate`, `audio_channels` or `audio_samples`, looked at
    before memory is taken.
    """
    import soundfile

    path = as_path(path)
    if rate is not None:
        check_rate(rate, "the rate to resample to")
    with open_file(path) as opened:
        try:
            with soundfile.SoundFile(opened) as file:
                _check_header(path, file)
                samples, own = _averaged(file), file.samplerate
        except soundfile.SoundFileError as error:
            what = getattr(error, "error_string", reason(error)).rstrip(".")
            raise InputError(f"{path} is no audio file ({what})") from error
    if not len(samples):
        raise InputError(f"{path} has no samples")
    if not np.isfinite(samples).all():
        raise InputError(f"{path} has samples that are not finite")
    if not samples.any():
        raise InputError(f"{path} is silent throughout: all samples are zero")
    if rate in (None, own):
        return samples, own
    limits.check("audio_samples", -(-len(samples) * rate // own), f"{path} at {rate} Hz")
    return resample(samples, own, rate), rate


def check_rate(rate: int, what: object) -> None:
    """InputError for a rate in Hz that is too low for windows of some samples, or above `audio_rate`."""
    if isinstance(rate, bool) or not isinstance(rate, (int, np.integer)) or rate < LOWEST_RATE:
        raise InputError(f"{what} is {quoted(rate)} Hz: give an integer from {LOWEST_RATE} on")
    limits.check("audio_rate", int(rate), what)


def _check_header(path: Path, file: Any) -> None:
    check_rate(file.samplerate, path)
    limits.check("audio_channels", file.channels, path)
    seconds = file.frames / file.samplerate
    if seconds > LONGEST:
        raise InputError(
            f"{path} lasts {seconds / 3600:.1f} hours; cut it into pieces of at most {LONGEST / 3600:.0f} h"
        )
    limits.check("audio_samples", file.frames * file.channels, path)


def _averaged(file: Any) -> np.ndarray:
    """The mean of the channels, read in pieces, so that memory is taken for what is there and not for what is said."""
    pieces = []
    while len(block := file.read(max(1, BLOCK // file.channels), dtype="float32", always_2d=True)):
        pieces.append(block.mean(axis=1))
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def as_samples(given: Any) -> np.ndarray:
    """Samples [N] float32; InputError for what is no array of them, not finite, or silent throughout."""
    try:
        samples = numbers_of(given)
    except Exception as error:  # of the library that it is an array of
        raise InputError(f"samples are no array of numbers: {reason(error)}") from error
    if samples.ndim != 1 or not len(samples) or not (np.abs(samples) <= np.finfo(np.float32).max).all():
        raise InputError(f"samples of shape {samples.shape}: expected [N], at least one, all finite")
    samples = samples.astype(np.float32)
    if not samples.any():
        raise InputError("the recording is silent throughout")
    return samples


def resample(samples: np.ndarray, rate: int, to: int) -> np.ndarray:
    """Samples at another rate in Hz."""
    import soxr

    return soxr.resample(samples, rate, to)


def log_mel(samples: np.ndarray, rate: int, bands: int = 40) -> np.ndarray:
    """Natural logarithm of the power in `bands` mel bands, [T, bands] float32: a row for each `hop_seconds(rate)`.

    Row t is of the window around the time (t + 1/2) of these; past the ends of the recording lies silence. T is the
    length in hops, rounded, but at least 1.
    """
    size, hop, before = window_sizes(rate)
    count = hops(len(samples), rate)
    padded = np.zeros((count - 1) * hop + size + before)
    padded[before : before + len(samples)] = samples[: len(padded) - before]
    return window_bands(padded, rate, bands)[:count]


def window_sizes(rate: int) -> tuple[int, int, int]:
    """Samples in a window, from one window to the next, and of the first window before the recording begins."""
    size, hop = round(WINDOW * rate), round(HOP * rate)
    return size, hop, (size - hop) // 2


def window_bands(samples: np.ndarray, rate: int, bands: int) -> np.ndarray:
    """The rows of `log_mel` of all whole windows in samples, the first of which begins the first window."""
    size, hop, _ = window_sizes(rate)
    windows = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]
    length = 1 << (size - 1).bit_length()
    power = np.abs(np.fft.rfft(windows * np.hanning(size + 2)[1:-1], length)) ** 2
    return np.log(np.maximum(power @ mel_filters(rate, length, bands).T, FLOOR)).astype(np.float32)


def hop_seconds(rate: int) -> float:
    """Seconds from row to row of `log_mel`: `HOP` in whole samples."""
    return round(HOP * rate) / rate


def hops(samples: int, rate: int) -> int:
    """The number of rows that `log_mel` gives of so many samples."""
    return max(1, round(samples / round(HOP * rate)))


@lru_cache(maxsize=16)
def mel_filters(rate: int, length: int, bands: int) -> np.ndarray:
    """Triangular filters [bands, length // 2 + 1] on the bins of a Fourier transform of `length` samples.

    Their corners lie at equal distances on the mel scale from 20 Hz to half the rate; each filter's top is 1.
    """
    corners = _hertz(np.linspace(_mel(LOWEST), _mel(rate / 2), bands + 2))
    bins = np.arange(length // 2 + 1) * rate / length
    left, top, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return np.clip(np.minimum((bins - left) / (top - left), (right - bins) / (right - top)), 0, None)


def _mel(hertz: float | np.ndarray) -> np.ndarray:
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def _hertz(mel: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mel / 2595) - 1)
