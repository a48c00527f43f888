"""Recordings that come piece by piece: samples from a pipe, and log-mel features as soon as they are known."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from keepgate import limits
from keepgate.data.audio.files import PIPED, check_rate, decode_audio
from keepgate.data.audio.kinds import HEAD, kind_of
from keepgate.data.audio.log_mel import hops, window_bands, window_sizes
from keepgate.data.files import read_pipe
from keepgate.errors import InputError

__all__ = ["LogMelStream", "live_samples"]

BLOCK = 0.05  # seconds of a WAV file that are taken at a time
SCALE = np.float32(1 / 32768)


class LogMelStream:
    """`log_mel` of a recording that comes in pieces; the rows together are those of the whole."""

    def __init__(self, rate: int, bands: int) -> None:
        self.rate, self.bands = rate, bands
        self._size, self._hop, before = window_sizes(rate)
        self._waiting = np.zeros(before, dtype=np.float32)  # from where the next window begins
        self._samples = self._rows = 0

    def feed(self, samples: np.ndarray) -> np.ndarray:
        """Return the rows [T, bands] whose windows these samples [N] complete."""
        self._samples += len(samples)
        self._waiting = np.concatenate([self._waiting, samples])
        return self._take(max(0, (len(self._waiting) - self._size) // self._hop + 1))

    def finish(self) -> np.ndarray:
        """Return the last rows; past the last sample is silence."""
        count = hops(self._samples, self.rate) - self._rows
        missing = (count - 1) * self._hop + self._size - len(self._waiting)
        self._waiting = np.pad(self._waiting, (0, max(0, missing)))
        return self._take(count)

    def _take(self, count: int) -> np.ndarray:
        if not count:
            return np.zeros((0, self.bands), dtype=np.float32)
        windows = self._waiting[: (count - 1) * self._hop + self._size]
        self._rows, self._waiting = self._rows + count, self._waiting[count * self._hop :]
        return window_bands(windows, self.rate, self.bands)


class Pipe(Protocol):
    """Standard input: `read` waits for all the bytes, `read1` for any."""

    def read(self, size: int = -1, /) -> bytes: ...

    def read1(self, size: int = -1, /) -> bytes: ...


def live_samples(pipe: Pipe, rate: int, to: int) -> Iterator[np.ndarray]:
    """Yield pieces [N] float32 from -1 to 1, as they come.

    Args:
        pipe: of a WAV file, or of bare 16-bit little-endian samples of one channel; also of a file in another format
            that `read_audio` reads, which is read to its end first.
        rate: of bare samples, in Hz.
        to: the rate of what is yielded, in Hz.

    Raises:
        InputError: a file is broken, or the pipe has text or no samples.
    """
    import soxr

    head = pipe.read(HEAD)
    resampler, heard = None, False
    for piece_rate, piece in _READERS[kind_of(head)](head, pipe, rate):
        heard = True
        if piece_rate != to:
            resampler = resampler or soxr.ResampleStream(piece_rate, to, 1, dtype="float32")
            piece = resampler.resample_chunk(piece)
        yield piece
    if not heard:
        raise InputError(f"standard input has no samples; {PIPED}")
    if resampler is not None:
        yield resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)


# Readers of each kind yield the rate and the samples of pieces; `data` are the bytes that were already taken.

Pieces = Iterator[tuple[int, np.ndarray]]


def _bare(data: bytes, pipe: Pipe, rate: int) -> Pieces:
    check_rate(rate, "the rate of standard input")
    while data:
        even = len(data) // 2 * 2
        if even:
            yield rate, np.frombuffer(data[:even], dtype="<i2") * SCALE
        more = pipe.read1(1 << 16)
        data = data[even:] + more if more else b""


def _whole(data: bytes, pipe: Pipe, _: int) -> Pieces:
    samples, rate = decode_audio(read_pipe(pipe, data))
    yield from ((rate, samples[i : i + rate]) for i in range(0, len(samples), rate))


def _wav(data: bytes, pipe: Pipe, _: int) -> Pieces:
    try:
        with wave.open(_Rest(data, pipe), "rb") as recording:  # type: ignore[arg-type]  # reads from a pipe, where it cannot seek
            channels, width, rate = recording.getnchannels(), recording.getsampwidth(), recording.getframerate()
            check_rate(rate, "the WAV file on standard input")
            limits.check("audio_channels", channels, "the WAV file on standard input")
            if width != 2:
                raise InputError(f"the WAV file on standard input has {8 * width} bits a sample; give 16")
            while data := recording.readframes(max(1, round(BLOCK * rate))):
                frames = np.frombuffer(data[: len(data) // (2 * channels) * 2 * channels], dtype="<i2")
                yield rate, frames.reshape(-1, channels).mean(axis=1, dtype=np.float32) * SCALE
    except (wave.Error, EOFError) as error:
        raise InputError(f"the WAV file on standard input cannot be read: {error or 'it is cut short'}") from error


class _Rest(io.RawIOBase):
    """A pipe whose first bytes were already read."""

    def __init__(self, head: bytes, pipe: Pipe) -> None:
        self.head, self.pipe = head, pipe

    def read(self, size: int = -1, /) -> bytes:
        head, self.head = self.head[:size], self.head[size:]
        return head + self.pipe.read(size - len(head)) if len(head) < size else head

    def tell(self) -> int:
        raise OSError("a pipe has no places")


_READERS = {"bare": _bare, "wav": _wav, "container": _whole, "text": _whole}  # of text comes the message of `_whole`
