"""What bytes are, told by how they begin."""

import io

import numpy as np
import pytest
import soundfile

from keepgate.data.audio.kinds import HEAD, kind_of

SAMPLES = 0.3 * np.random.default_rng(0).normal(size=16000)


def encoded(rate=8000, **options):
    file = io.BytesIO()
    soundfile.write(file, SAMPLES, rate, **options)
    return file.getvalue()[:HEAD]


@pytest.mark.parametrize("rate", [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_mpeg_audio_has_no_magic_but_frame_after_frame(rate, mode):
    data = encoded(rate, format="MP3", bitrate_mode=mode)
    assert data[0] == 0xFF
    assert kind_of(data) == "container"
    assert kind_of(b"ID3\4" + bytes(100) + data) == "container"


@pytest.mark.parametrize(
    ("format", "subtype", "kind"),
    [
        ("WAV", "PCM_16", "wav"),
        ("WAVEX", "PCM_16", "wav"),
        ("WAV", "PCM_24", "container"),
        ("WAV", "FLOAT", "container"),
        ("WAV", "ULAW", "container"),
        ("FLAC", None, "container"),
        ("OGG", None, "container"),
        ("AIFF", None, "container"),
        ("AU", None, "container"),
        ("CAF", None, "container"),
        ("W64", None, "container"),
        ("RF64", None, "container"),
        ("RAW", "PCM_16", "bare"),
    ],
)
def test_files_name_themselves(format, subtype, kind):
    assert kind_of(encoded(format=format, subtype=subtype)) == kind


def test_samples_are_not_taken_for_something_else():
    rng = np.random.default_rng(1)
    for size in (10, 300, 3000, 30000):
        for _ in range(50):
            assert kind_of(rng.integers(-size, size, HEAD // 2).astype("<i2").tobytes()) == "bare"
    assert kind_of(bytes(HEAD)) == "bare"
    assert kind_of(b"\xff\xfb\x90\x00" + bytes(HEAD)) == "bare"  # like a frame, but no other one follows
    assert kind_of(b"") == "bare"


def test_text_is_told_also_where_a_character_is_cut():
    assert kind_of(b"path,text\na.wav,hello\n") == "text"
    for cut in range(1, 4):
        assert kind_of(("a" + "\N{GRINNING FACE}" * 9).encode()[:-cut]) == "text"
