"""What an autoencoder learns of JapaneseVowels without labels: where labels are few, and to tell strangers.

    python examples/unlabelled_vowels.py

First, `SequenceClassifier` on few labels a speaker, beginning with random weights or with those of an autoencoder of
all 270 training utterances; accuracy on the official test part, mean over draws of the labelled utterances. Beside it
a logistic regression of the autoencoder's vectors, and one of each channel's mean and deviation.

Then, for each speaker an autoencoder of his 30 training utterances alone; the test utterances are ranked by how badly
it reconstructs them, and the area under the ROC curve (his own against all others) is averaged over the 9 speakers.
Beside it how far the steps are from his mean (z-score), and the error of a principal component analysis of utterances
brought to 20 steps.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from keepgate import SequenceAutoencoder, SequenceClassifier
from keepgate.data.sequences import Sequences
from keepgate.tasks import face_class

BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data" / "japanese_vowels"
STEPS = 20  # to which utterances are brought for principal components
COMPONENTS = 16


def few_labels(train: Sequences, test: Sequences, counts: list[int], draws: int) -> Iterator[dict[str, object]]:
    """A row for each number of labelled utterances a speaker."""
    with tempfile.TemporaryDirectory() as run:
        autoencoder = SequenceAutoencoder().fit(train)
        autoencoder.save(run)
        for count in counts:
            found: dict[str, list[float]] = {}
            for draw in range(draws):
                rows = drawn(train.labels, count, draw)
                X, y = [train.values[i] for i in rows], train.labels[rows]
                for name, init in (("random weights", None), ("autoencoder's weights", run)):
                    guess = SequenceClassifier(seed=draw, init=init).fit(X, y).predict(test.values)
                    found.setdefault(name, []).append(np.mean(guess == test.labels))
                for name, features in (("its vectors", autoencoder.transform), ("means, deviations", moments)):
                    regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
                    guess = regression.fit(features(X), y).predict(features(test.values))
                    found.setdefault(name, []).append(np.mean(guess == test.labels))
            yield {"labels a speaker": count, **{name: np.mean(shares) for name, shares in found.items()}}


def drawn(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """So many utterances of each speaker, at random."""
    random = np.random.default_rng(seed)
    return np.concatenate([random.permutation(np.flatnonzero(labels == name))[:count] for name in np.unique(labels)])


def moments(values: list[np.ndarray]) -> np.ndarray:
    return np.array([[*value.mean(0), *value.std(0)] for value in values])


def strangers(train: Sequences, test: Sequences) -> Iterator[dict[str, object]]:
    """A row for each speaker: areas under the ROC curve."""
    for name in np.unique(train.labels):
        own = [value for value, label in zip(train.values, train.labels, strict=True) if label == name]
        scorers = {"autoencoder": by_autoencoder, "z-score": by_distance, "PCA": by_components}
        others = test.labels != name
        yield {"speaker": name, **{k: roc_auc_score(others, score(own, test.values)) for k, score in scorers.items()}}


def by_autoencoder(own: list[np.ndarray], values: list[np.ndarray]) -> np.ndarray:
    autoencoder = SequenceAutoencoder(epochs=100, batch_size=8).fit(own)
    return np.array([score.mean() for score in autoencoder.anomaly_scores(values)])


def by_distance(own: list[np.ndarray], values: list[np.ndarray]) -> np.ndarray:
    steps = np.concatenate(own)
    return np.array([np.square((value - steps.mean(0)) / steps.std(0)).mean() for value in values])


def by_components(own: list[np.ndarray], values: list[np.ndarray]) -> np.ndarray:
    scaler = StandardScaler().fit(resampled(own))
    own_rows, rows = scaler.transform(resampled(own)), scaler.transform(resampled(values))
    components = PCA(COMPONENTS).fit(own_rows)
    return np.square(components.inverse_transform(components.transform(rows)) - rows).mean(1)


def resampled(values: list[np.ndarray]) -> np.ndarray:
    """Each utterance at `STEPS` times, in one row."""
    at = [np.linspace(0, len(value) - 1, STEPS) for value in values]
    return np.array(
        [np.stack([np.interp(t, np.arange(len(v)), c) for c in v.T]).ravel() for t, v in zip(at, values, strict=True)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=BESIDE, help="folder of JapaneseVowels_TRAIN.ts and _TEST.ts")
    parser.add_argument("--labels", type=int, nargs="+", default=[1, 2, 4], help="labelled utterances a speaker")
    parser.add_argument("--draws", type=int, default=5)
    arguments = parser.parse_args()
    started = time.process_time()
    train, test = (
        face_class("classify").read(arguments.data / f"JapaneseVowels_{part}.ts") for part in ("TRAIN", "TEST")
    )
    print(pd.DataFrame(few_labels(train, test, arguments.labels, arguments.draws)).round(3).to_string(index=False))
    table = pd.DataFrame(strangers(train, test)).set_index("speaker")
    table.loc["mean"] = table.mean()
    print(f"\narea under the ROC curve\n{table.round(3)}")
    print(f"\n{time.process_time() - started:.0f} seconds of one core")


if __name__ == "__main__":
    main()
