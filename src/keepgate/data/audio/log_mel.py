"""Recordings as log-mel features: the power in bands of equal width to the ear, in short overlapping windows.

Davis & Mermelstein 1980 without the cosine transform; the mel scale is O'Shaughnessy's (1987), 2595 log10(1 + f/700).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["HOP", "hop_seconds", "hops", "log_mel", "mel_filters", "window_bands", "window_sizes"]

WINDOW = 0.025  # seconds
HOP = 0.010  # seconds from window to window, but for the rounding to samples
FLOOR = 1e-10  # power below which all is silence
LOWEST = 20.0  # Hz


def log_mel(samples: np.ndarray, rate: int, bands: int = 40) -> np.ndarray:
    """Return the natural logarithm of the power in mel bands, [T, bands] float32: a row for each `hop_seconds(rate)`.

    Row t is of the window around the middle of hop t; past the ends of the recording is silence. T is the length in
    hops, rounded, but at least 1.

    Args:
        samples: [N].
        rate: of the samples, in Hz.
        bands: how many.
    """
    size, hop, before = window_sizes(rate)
    count = hops(len(samples), rate)
    padded = np.zeros((count - 1) * hop + size + before)
    padded[before : before + len(samples)] = samples[: len(padded) - before]
    return window_bands(padded, rate, bands)[:count]


def window_sizes(rate: int) -> tuple[int, int, int]:
    """Return the samples in a window, in a hop, and of the first window before the recording begins."""
    size, hop = round(WINDOW * rate), round(HOP * rate)
    return size, hop, (size - hop) // 2


def window_bands(samples: np.ndarray, rate: int, bands: int) -> np.ndarray:
    """Return the rows of `log_mel` of all whole windows in samples that begin with the first window."""
    size, hop, _ = window_sizes(rate)
    windows = np.lib.stride_tricks.sliding_window_view(samples, size)[::hop]
    length = 1 << (size - 1).bit_length()
    power = np.abs(np.fft.rfft(windows * np.hanning(size + 2)[1:-1], length)) ** 2
    return np.log(np.maximum(power @ mel_filters(rate, length, bands).T, FLOOR)).astype(np.float32)


def hop_seconds(rate: int) -> float:
    """Return the seconds from row to row of `log_mel`: `HOP` in whole samples."""
    return round(HOP * rate) / rate


def hops(samples: int, rate: int) -> int:
    """Return the number of rows of `log_mel` for that many samples."""
    return max(1, round(samples / round(HOP * rate)))


@lru_cache(maxsize=16)
def mel_filters(rate: int, length: int, bands: int) -> np.ndarray:
    """Return triangular filters [bands, length // 2 + 1] on the bins of a Fourier transform of `length` samples.

    Their corners are at equal distances on the mel scale from 20 Hz to half the rate; each filter's maximum is 1.
    """
    corners = _hertz(np.linspace(_mel(LOWEST), _mel(rate / 2), bands + 2))
    bins = np.arange(length // 2 + 1) * rate / length
    left, top, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
    return np.clip(np.minimum((bins - left) / (top - left), (right - bins) / (right - top)), 0, None)


def _mel(hertz: float | np.ndarray) -> np.ndarray:
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)


def _hertz(mel: np.ndarray) -> np.ndarray:
    return 700 * (10 ** (mel / 2595) - 1)
