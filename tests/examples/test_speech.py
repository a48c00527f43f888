"""What the examples of speech mix and cut is what they say; and on little of the real data they learn something."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import phonemes
import pytest
import speech_activity
import spoken_digits

EXAMPLES = Path(spoken_digits.__file__).parent


def tone(seconds, before=0.0, after=0.0, rate=8000):
    """A loud tone between quiet ones."""
    edges = [0.003 * np.sin(np.arange(round(rate * s))) for s in (before, after)]
    return np.concatenate([edges[0], np.sin(np.arange(round(rate * seconds))), edges[1]])


def test_strings_are_the_recordings_of_one_speaker_with_gaps_in_light_noise():
    rng = np.random.default_rng(0)
    sounds = {(d, s, 7): rng.normal(size=800) for d in "0123" for s in ("ann", "bob")}
    X, y = spoken_digits.strings(sounds, 30, np.random.default_rng(1))
    assert {len(text) for text in y} == {1, 2, 3, 4, 5}
    for samples, text in zip(X, y, strict=True):
        gaps = len(samples) - 800 * len(text)
        assert 0.05 * 8000 * (len(text) + 1) - 6 <= gaps <= 0.4 * 8000 * (len(text) + 1)
        match = {
            s: [np.correlate(samples, sounds[d, s, 7]).max() / (sounds[d, s, 7] ** 2).sum() for d in text]
            for s in ("ann", "bob")
        }
        assert max(min(values) for values in match.values()) > 0.9  # all its digits are in it, from one of the two


def test_speech_lasts_from_the_first_to_the_last_loud_frame():
    assert speech_activity.said(tone(0.5, before=0.2, after=0.1)) == pytest.approx((0.2, 0.7), abs=0.011)
    assert speech_activity.said(tone(0.5)) == pytest.approx((0.0, 0.5), abs=0.011)


@pytest.mark.parametrize("snr", [0, 20])
def test_a_scene_has_the_ratio_of_signal_to_noise_that_was_asked_for(snr):
    voice, noise = tone(0.4), np.random.default_rng(2).normal(size=30000)
    samples, segments = speech_activity.scene([[voice]], [[noise]], snr, np.random.default_rng(3))
    assert samples.dtype == np.float32
    assert np.abs(samples).max() <= 1
    inside = np.zeros(len(samples), dtype=bool)
    for segment in segments:
        inside[round(segment.start * 8000) : round(segment.end * 8000)] = True
    power, quiet = (samples[inside] ** 2).mean(), (samples[~inside] ** 2).mean()
    assert 10 * np.log10(power / quiet - 1) == pytest.approx(snr, abs=0.8)  # pauses in a group are speech, but silent
    for one, following in pairwise(segments):
        assert following.start - one.end >= speech_activity.PAUSE


def test_a_noise_goes_on_without_a_seam():
    noise = np.sin(2 * np.pi * np.arange(16000) / 80)  # whole periods in all its parts
    found = speech_activity.long_noise(noise, 50000, np.random.default_rng(0))
    assert len(found) == 50000
    assert np.abs(np.diff(found)).max() < 1.01 * np.abs(np.diff(noise)).max()


def test_phrases_lie_between_stops(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Down, down, down.  Would the fall\nNEVER come to an end? `I wonder how many miles--it's so far!'")
    assert phonemes.phrases(path) == ["I wonder how many miles", "Would the fall NEVER come to an end", "it's so far"]


def test_voices_of_the_test_are_new():
    assert not set(phonemes.TRAIN_VOICES) & set(phonemes.TEST_VOICES)


def test_without_espeak_the_remedy_is_named(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "phonemes.py"],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path)},
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "phonemes.py: espeak-ng is not installed; in Debian and Ubuntu: apt-get install espeak-ng\n"


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed (apt-get install espeak-ng)")
def test_espeak_says_what_it_spoke(tmp_path):
    samples, spoken = phonemes.speak("a cheap sort of present", "f2", np.random.default_rng(0), tmp_path)
    assert spoken == "ɐ tʃ iː p s ɔːɹ t ʌ v p ɹ ɛ z ə n t"
    assert 0.8 < len(samples) / phonemes.RATE < 3
    assert np.abs(samples).max() > 0.01


@pytest.mark.slow
def test_a_few_real_digits_are_learned(shared_data):
    command = [sys.executable, EXAMPLES / "spoken_digits.py", "--data", shared_data("fsdd")]
    done = subprocess.run([*command, "--strings", "64", "--epochs", "1"], capture_output=True, text=True, check=True)
    assert "64 strings of 2250 recordings to train on, 1000 of 250 others" in done.stdout
    assert 0 < float(re.search(r"label error rate: ([\d.]+) %", done.stdout).group(1)) <= 200
    refused = subprocess.run([*command, "--speaker", "nobody"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "no recording is by 'nobody'; speakers are george, jackson" in refused.stderr
