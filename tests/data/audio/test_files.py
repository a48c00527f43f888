"""Recordings: what is read, and what is refused."""

import io
import tracemalloc

import numpy as np
import pytest
import soundfile

from keepgate.data.audio.files import read_audio
from keepgate.errors import InputError


def tone(hertz, seconds=0.5, rate=8000):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_samples_come_back_with_channels_averaged(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.stack([tone(400), np.zeros(4000)], axis=1), 8000)
    samples, rate = read_audio(path)
    assert rate == 8000
    assert samples.dtype == np.float32
    np.testing.assert_allclose(samples, tone(400) / 2, atol=2**-15)


def test_resampling_keeps_a_tone(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(440, rate=16000), 16000)
    samples, rate = read_audio(path, 8000)
    assert (len(samples), rate) == (4000, 8000)
    spectrum = np.abs(np.fft.rfft(samples))
    assert spectrum.argmax() == 220  # of half a second: two hertz a bin
    np.testing.assert_allclose(samples[500:3500], tone(440)[500:3500], atol=0.01)


@pytest.mark.parametrize(
    ("samples", "words"),
    [(np.zeros(800), "silent throughout"), (np.zeros(0), "no samples"), (np.array([0.1, np.nan]), "not finite")],
)
def test_useless_recordings_are_named(tmp_path, samples, words):
    path = tmp_path / "a.wav"
    soundfile.write(path, samples, 8000, subtype="FLOAT")
    with pytest.raises(InputError, match=rf"a\.wav .*{words}"):
        read_audio(path)


def test_files_that_are_none_are_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.wav cannot be read: No such file"):
        read_audio(tmp_path / "nowhere.wav")
    for text, words in (("hello", "no audio file"), ("", "empty: it has no bytes")):
        (tmp_path / "a.wav").write_text(text)
        with pytest.raises(InputError, match=rf"a\.wav is {words}"):
            read_audio(tmp_path / "a.wav")


def test_hours_are_refused_before_they_are_read(tmp_path):
    path = tmp_path / "day.wav"
    rate = 100
    soundfile.write(path, np.zeros(36_000 * rate, dtype=np.int16), rate)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"day\.wav lasts 10\.0 hours; cut it into pieces"):
            read_audio(path)
        assert tracemalloc.get_traced_memory()[1] < 1e6  # the samples would take 14 MB
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3"])
def test_standard_input_is_read_by_its_first_bytes(tmp_path, monkeypatch, format):
    path = tmp_path / "a"
    soundfile.write(path, tone(440), 8000, format=format)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    samples, rate = read_audio("-", 4000)
    assert rate == 4000
    np.testing.assert_array_equal(samples, read_audio(path, 4000)[0])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty; pipe a recording into it"),
        (b"hello\n", "is text and no recording; pipe"),
        (bytes(range(256)) * 20, "is no audio file"),
    ],
)
def test_standard_input_without_a_recording_is_told(monkeypatch, data, words):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    with pytest.raises(InputError, match=f"^standard input {words}"):
        read_audio("-")
