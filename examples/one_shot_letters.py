"""One-shot classification of handwritten letters that training has never seen, beside the nearest neighbour.

    python examples/one_shot_letters.py words_train.jsonl.gz words_test.jsonl.gz --report letters.html

The words of one letter in these files (as in `examples/unipen_words.py`) are drawn as pictures of 12 x 12 pixels, of
which 32 principal components are taken: 52 classes, small letters and capitals apart. A fifth of the classes is held
out. Of each of the others three more classes are made by turning it by 90, 180 and 270 degrees (Santoro et al. 2016).
An episode shows letters of some classes, whose numbers are drawn anew, and the network has to say each before it is
told. The figure is the share of right answers at the first, second, ... letter of a class. The nearest neighbour is
that of the same components among the letters of the episode so far.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from pathlib import Path

import numpy as np

from keepgate.meta import MetaLearner, episodes

SIZE = 12  # pixels
COMPONENTS = 32  # of a picture


def letters(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures [N, SIZE, SIZE] of the words of one letter, and what each is."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [row for row in map(json.loads, lines) if len(row["text"]) == 1]
    return np.array([picture(row["strokes"]) for row in rows]), np.array([row["text"] for row in rows])


def picture(strokes: list[list[list[float]]]) -> np.ndarray:
    """Return strokes as a picture: lines as many points, each shared by the four pixels near it."""
    points = np.concatenate([np.asarray(stroke, float) for stroke in strokes])
    low, extent = points.min(0), max(float(np.ptp(points, axis=0).max()), 1e-9)
    shift = (SIZE - 3) * (1 - np.ptp(points, axis=0) / extent) / 2 + 1
    image = np.zeros((SIZE, SIZE))
    for stroke in strokes:
        at = (np.asarray(stroke, float) - low) / extent * (SIZE - 3) + shift
        near = np.linspace(0, len(at) - 1, 8 * len(at))
        fine = np.stack([np.interp(near, np.arange(len(at)), at[:, axis]) for axis in (0, 1)], 1)
        corner, part = np.floor(fine).astype(int), fine % 1
        for dx in (0, 1):
            for dy in (0, 1):
                share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
                np.maximum.at(image, (corner[:, 1] + dy, corner[:, 0] + dx), share)
    return image[::-1]


def turned(images: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pictures with those turned by quarters, which are classes of their own."""
    turns = [np.rot90(images, k, (1, 2)) for k in range(4)]
    return np.concatenate(turns), np.concatenate([np.char.add(names, f" turned {k}") for k in range(4)])


def main() -> int:
    """Train, and print right answers by instance."""
    from sklearn.decomposition import PCA

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path, help="words as JSON lines, gzipped")
    parser.add_argument("--ways", type=int, default=3, help="classes of an episode (default: 3)")
    parser.add_argument("--epochs", type=int, default=20, help="times 16,000 episodes (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="of classes held out and of the training (default: 0)")
    parser.add_argument("--out", type=Path, help="folder of the run, which goes on if it was interrupted")
    parser.add_argument("--report", type=Path, help="write a report here")
    chosen = parser.parse_args()
    images, names = (np.concatenate(parts) for parts in zip(*map(letters, chosen.files), strict=True))
    classes = np.random.default_rng(chosen.seed).permutation(np.unique(names))
    held_out = np.isin(names, classes[: len(classes) // 5])
    print(f"{len(images):,} letters; {len(classes)} classes, {len(classes) // 5} of them held out")
    learned, learned_names = turned(images[~held_out], names[~held_out])
    components = PCA(COMPONENTS, whiten=True).fit(learned.reshape(len(learned), -1))
    known, unknown = (
        episodes(components.transform(part.reshape(len(part), -1)), labels, ways=chosen.ways, name=name)
        for part, labels, name in (
            (learned, learned_names, "letters learned"),
            (images[held_out], names[held_out], "letters held out"),
        )
    )
    model = MetaLearner(
        hidden_size=100, shown=5 * chosen.ways, functions=16_000, batch_size=32, epochs=chosen.epochs, seed=chosen.seed
    )
    started = time.process_time()
    model.fit(known, run=chosen.out)
    print(f"trained in {time.process_time() - started:.0f} s of processor time")
    for family in (known, unknown):
        for row in model.curve(family, examples=10 * chosen.ways).instance_rows():
            shares = (f"{key} {100 * value:.1f} %" for key, value in row.items() if key != "model")
            print(f"{family.name}, {row['model']}:", ", ".join(shares))
    if chosen.report:
        model.report(chosen.report, unknown)
    return 0


if __name__ == "__main__":
    sys.exit(main())
