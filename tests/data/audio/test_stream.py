"""Recordings in pieces: the rows are those of the whole, and what a pipe gives."""

import io
import wave

import numpy as np
import pytest
import soundfile

from keepgate.data.audio.files import read_audio, resample
from keepgate.data.audio.log_mel import log_mel
from keepgate.data.audio.stream import LogMelStream, live_samples
from keepgate.errors import InputError


@pytest.mark.parametrize("rate", [8000, 11025, 16000])
@pytest.mark.parametrize("count", [1, 39, 41, 200, 279, 280, 281, 4321])
def test_rows_are_those_of_the_whole_recording(rate, count):
    rng = np.random.default_rng(count)
    samples = rng.normal(size=count).astype(np.float32)
    cuts = np.sort(rng.integers(0, count + 1, 5))
    stream = LogMelStream(rate, 13)
    rows = np.concatenate([*(stream.feed(piece) for piece in np.split(samples, cuts)), stream.finish()])
    np.testing.assert_allclose(rows, log_mel(samples, rate, 13), rtol=1e-6, atol=1e-6)


def test_a_row_comes_as_soon_as_its_window_is_whole():
    stream = LogMelStream(8000, 5)
    assert len(stream.feed(np.ones(139))) == 0  # a window of 200 that begins 60 before the recording
    assert len(stream.feed(np.ones(1))) == 1


class Trickle(io.BytesIO):
    """A pipe that gives a few bytes at a time to those who do not wait."""

    def read1(self, size=-1):
        return self.read(min(7, size))


SAMPLES = (np.random.default_rng(0).integers(-3000, 3000, 5000)).astype("<i2")


def wav(samples, rate=8000, channels=1, width=2):
    file = io.BytesIO()
    with wave.open(file, "wb") as to:
        to.setparams((channels, width, rate, 0, "NONE", ""))
        to.writeframes(samples.tobytes())
    return file.getvalue()


def heard(data, rate=8000, to=8000):
    return np.concatenate(list(live_samples(Trickle(data), rate, to)))


def test_bare_samples_and_wav_files_are_heard_alike():
    expected = SAMPLES / np.float32(32768)
    np.testing.assert_array_equal(heard(SAMPLES.tobytes()), expected)
    np.testing.assert_array_equal(heard(SAMPLES.tobytes() + b"x"), expected)  # half a sample is none
    np.testing.assert_array_equal(heard(wav(SAMPLES), rate=99), expected)  # the file's own rate holds
    both = np.repeat(SAMPLES, 2)
    np.testing.assert_array_equal(heard(wav(both, channels=2)), expected)


def test_a_wav_file_whose_writer_did_not_know_its_length():
    data = bytearray(wav(SAMPLES))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    np.testing.assert_array_equal(heard(bytes(data)), SAMPLES / np.float32(32768))


@pytest.mark.parametrize("give", [lambda s: s.tobytes(), lambda s: wav(s, rate=16000)])
def test_another_rate_is_resampled_as_the_whole_would_be(give):
    found = heard(give(SAMPLES), rate=16000)
    np.testing.assert_allclose(found, resample(SAMPLES / np.float32(32768), 16000, 8000), atol=1e-5)


@pytest.mark.parametrize(
    ("format", "subtype"),
    [
        ("FLAC", None),
        ("OGG", None),
        ("MP3", None),
        ("WAV", "PCM_24"),
        ("WAV", "FLOAT"),
        ("WAV", "PCM_U8"),
        ("AIFF", None),
    ],
)
def test_other_formats_are_known_by_their_first_bytes_and_heard_as_the_file_is(tmp_path, format, subtype):
    path = tmp_path / "a"
    soundfile.write(path, SAMPLES / 32768, 8000, format=format, subtype=subtype)
    np.testing.assert_array_equal(heard(path.read_bytes(), rate=99), read_audio(path)[0])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "has no samples"),
        (b"\0", "has no samples"),
        (b"x", "is text and no recording"),
        ("Ein Satz, über Öl.\n".encode() * 400, "is text and no recording"),
        (b"fLaC and what is no FLAC", "is no audio file"),
        (b"PK\3\4" + bytes(900), "is no audio file"),
        (wav(SAMPLES[:0]), "has no samples"),
        (wav(SAMPLES)[:20], "cannot be read"),
    ],
)
def test_pipes_that_cannot_be_heard(data, words):
    with pytest.raises(InputError, match=f"standard input {words}"):
        list(live_samples(Trickle(data), 8000, 8000))
