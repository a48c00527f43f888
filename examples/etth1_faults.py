"""Faults put into ETTh1, found by reconstruction: area under the ROC curve of the hours, beside simpler scores.

    python examples/etth1_faults.py

An autoencoder learns the 7 channels of the first 12 months (of 30 days) by pieces of a day; the next 4 months say what
errors are ordinary. Into the 4 months after those faults of five kinds are put, one every 3 days, in a channel chosen
at random: a spike (3 deviations, 1 hour); and over 6 to 24 hours a sensor that is stuck, one that drifts away by 2
deviations, noise of 1 deviation, and two channels exchanged.

Beside it: how far an hour is from the mean (z-score), and the reconstruction by principal components of the same
pieces, as many as the vector has numbers, its errors scored by their mean square or, as the autoencoder's, by their
Mahalanobis distance.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from keepgate import SequenceAutoencoder
from keepgate.tasks.embed.anomalies import ErrorDistribution

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "ett" / "ETTh1.csv"
MONTH, DAY = 30 * 24, 24
EVERY = 3 * DAY
KINDS = ("spike", "stuck", "drift", "noise", "exchanged")


def months(path: Path) -> list[np.ndarray]:
    """Training, held-out and test months [T, 7], standardized by the first."""
    values = pd.read_csv(path, index_col="date").to_numpy()
    first = values[: 12 * MONTH]
    values = (values - first.mean(0)) / first.std(0)
    return [values[a * MONTH : b * MONTH] for a, b in ((0, 12), (12, 16), (16, 20))]


def with_faults(values: np.ndarray, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A copy with faults, and the kind of fault in each hour [T], -1 where there is none."""
    values, kinds = values.copy(), np.full(len(values), -1)
    for number, begin in enumerate(range(EVERY, len(values) - EVERY, EVERY)):
        kind, channel, sign = KINDS[number % len(KINDS)], random.integers(7), random.choice([-1, 1])
        hours = 1 if kind == "spike" else random.integers(6, 25)
        first = begin + random.integers(DAY)
        place = slice(first, first + hours)
        if kind == "spike":
            values[place, channel] += 3 * sign
        elif kind == "stuck":
            values[place, channel] = values[first, channel]
        elif kind == "drift":
            values[place, channel] += sign * np.linspace(0, 2, hours)
        elif kind == "noise":
            values[place, channel] += random.normal(size=hours)
        else:
            both = [channel, (channel + random.integers(1, 7)) % 7]
            values[place, both] = values[place, both[::-1]]
        kinds[place] = number % len(KINDS)
    return values, kinds


def component_errors(train: np.ndarray, count: int, values: np.ndarray) -> np.ndarray:
    """Error of each hour [T, 7] of the reconstruction of pieces by principal components, mean over all its pieces."""

    def pieces(x: np.ndarray) -> np.ndarray:
        return sliding_window_view(x, DAY, axis=0).transpose(0, 2, 1).reshape(len(x) - DAY + 1, -1)

    components = PCA(count).fit(pieces(train))
    rows = pieces(values)
    errors = (components.inverse_transform(components.transform(rows)) - rows).reshape(len(rows), DAY, -1)
    sums, times = np.zeros_like(values), np.zeros((len(values), 1))
    for hour in range(DAY):
        sums[hour : hour + len(rows)] += errors[:, hour]
        times[hour : hour + len(rows)] += 1
    return sums / times


def areas(kinds: np.ndarray, scores: np.ndarray) -> dict[str, float]:
    """Areas under the ROC curve: all faults, and those of each kind, against the hours without one."""
    found = {"all": roc_auc_score(kinds >= 0, scores)}
    for number, name in enumerate(KINDS):
        rows = (kinds == number) | (kinds < 0)
        found[name] = roc_auc_score(kinds[rows] >= 0, scores[rows])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=BESIDE, help="ETTh1.csv")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    train, held_out, test = months(arguments.data)
    broken, kinds = with_faults(test, np.random.default_rng(arguments.seed))
    started = time.process_time()
    autoencoder = SequenceAutoencoder(
        piece=DAY, hidden_size=128, learning_rate=0.01, noise=0.1, epochs=arguments.epochs, seed=arguments.seed
    ).fit([train], valid=[held_out])
    seconds = time.process_time() - started
    size = autoencoder.vector_size
    errors = component_errors(train, size, broken)
    ordinary = ErrorDistribution.of([component_errors(train, size, held_out)])
    scores = {
        "autoencoder": autoencoder.anomaly_scores([broken])[0],
        "z-score": np.square(broken).mean(1),
        f"PCA {size}, mean square": np.square(errors).mean(1),
        f"PCA {size}, Mahalanobis": ordinary.scores([errors])[0],
    }
    print(f"{(kinds >= 0).mean():.1%} of {len(kinds)} hours are faulty; trained in {seconds:.0f} s of one core")
    print(pd.DataFrame({name: areas(kinds, score) for name, score in scores.items()}).T.round(3).to_string())


if __name__ == "__main__":
    main()
