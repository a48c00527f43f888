"""Log-mel features against a second derivation."""

import numpy as np
import pytest

from keepgate.data.audio.log_mel import log_mel, mel_filters


def tone(hertz, seconds=0.5, rate=8000):
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def test_features_are_the_logarithm_of_band_power_by_the_definition():
    rate, bands = 8000, 13
    samples = np.random.default_rng(0).normal(size=1234).astype(np.float32)
    found = log_mel(samples, rate, bands)
    assert found.shape == (round(1234 / 80), bands)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1, 201) / 201)
    k, n = np.arange(129), np.arange(200)
    transform = np.exp(-2j * np.pi * np.outer(k, n) / 256)
    mel = lambda f: 2595 * np.log10(1 + f / 700)  # noqa: E731
    corners = [700 * (10 ** (m / 2595) - 1) for m in np.linspace(mel(20), mel(4000), bands + 2)]
    for t in (0, 7, len(found) - 1):
        begin = t * 80 - 60
        piece = [samples[i] if 0 <= i < len(samples) else 0.0 for i in range(begin, begin + 200)]
        power = np.abs(transform @ (np.array(piece) * window)) ** 2
        for b in range(bands):
            weights = np.interp(k * rate / 256, corners[b : b + 3], [0, 1, 0], left=0, right=0)
            assert found[t, b] == pytest.approx(np.log(weights @ power), abs=1e-4)


def test_a_tone_is_loudest_in_its_band():
    for hertz in (300, 1000, 3000):
        features = log_mel(tone(hertz), 8000, 40)
        bins = np.arange(129) * 8000 / 256
        loudest = mel_filters(8000, 256, 40)[features[20].argmax()]
        assert abs(bins[loudest.argmax()] - hertz) < 100


def test_a_single_sample_has_one_row():
    assert log_mel(np.ones(1, dtype=np.float32), 8000, 5).shape == (1, 5)
