"""A model of every task, so small that it is fitted in a moment and its folder has a few KB; and questions to it.

    PYTHONPATH=tests python -m tasks.tiny FOLDER

fits all of them and writes their runs, with what they answer, below FOLDER: so the folders of `old_runs/0.1.0` were
made, by keepgate 0.1.0.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from keepgate.tasks import estimator_class, face

RATE = 1000  # Hz
CELL = """\
from keepgate.equations import Cell, affine, sigmoid, tanh


class Minimal(Cell):
    def step(self, x, last):
        f = sigmoid(affine("f", x, last.h))
        n = tanh(affine("n", x, h=f * last.h))
        return self.State(h=(1 - f) * last.h + f * n)
"""
SMALL = {"hidden_size": 3, "epochs": 1, "batch_size": 4, "progress": False}
SENTENCES = ["the\tDET\ncat\tNOUN\nsleeps\tVERB\n", "a\tDET\ndog\tNOUN\nbarks\tVERB\n"]
SPANS = ["Ann\tB-PER\nLee\tI-PER\nsings\tO\n", "Bob\tB-PER\nsings\tO\n"]
TEXT = "the cat sat on the mat . the dog sat on the log . " * 6


@dataclass(frozen=True)
class Tiny:
    """A task, its data (a file's name and what writes it, and files beside it), and the parameters."""

    task: str
    data: str
    write: Callable[[Path], object]
    options: dict[str, Any] = field(default_factory=dict)


def _series(path: Path, labels: bool = True) -> None:
    random = np.random.default_rng(0)
    rows = ["unique_id,ds,a,b" + ",label" * labels]
    for i in range(8):
        for t in range(4 + i % 3):
            a, b = (t if i % 2 else -t) / 4, round(float(random.normal()), 3)
            rows.append(f"s{i},{t},{a},{b}" + f",{('down', 'up')[i % 2]}" * labels)
    path.write_text("\n".join(rows) + "\n")


def _doses(path: Path) -> None:
    _series(path)
    header, *rows = path.read_text().splitlines()
    levels = {"down": -2.5, "up": 100.0}
    rows = [f"{row.rpartition(',')[0]},{levels[row.rpartition(',')[2]]}" for row in rows]
    path.write_text("\n".join([header, *rows]) + "\n")


def _history(path: Path) -> None:
    rows = ["unique_id,ds,y,heat"]
    for name, level in (("a", 0.0), ("b", 5.0)):
        rows += [f"{name},2024-01-{t + 1:02},{level + np.sin(t):.3f},{np.cos(t):.2f}" for t in range(24)]
    path.write_text("\n".join(rows) + "\n")


def _wave(path: Path) -> None:
    path.write_text("ds,y\n" + "".join(f"{t},{np.sin(0.6 * t):.3f}\n" for t in range(40)))


def _recording(path: Path, seed: int) -> None:
    import soundfile

    random = np.random.default_rng(seed)
    samples = 0.02 * random.normal(size=RATE // 2)
    samples[150:350] += 0.5 * np.sin(np.arange(200))
    soundfile.write(path, samples, RATE, subtype="PCM_16")


def _talks(path: Path) -> None:
    for seed in (0, 1):
        _recording(path.with_name(f"{seed}.wav"), seed)
        path.with_name(f"{seed}.csv").write_text("start,end\n0.15,0.35\n")
    path.write_text("path,segments\n0.wav,0.csv\n1.wav,1.csv\n")


def _sayings(path: Path) -> None:
    for seed in (0, 1):
        _recording(path.with_name(f"{seed}.wav"), seed)
    path.write_text("path,text\n0.wav,ab\n1.wav,ba\n")


def _writing(path: Path) -> None:
    shapes = {"l": [[0, 0], [0, 2]], "v": [[0, 2], [1, 0], [2, 2]]}
    rows = [
        {"strokes": [[[x + 3 * i, y] for x, y in shapes[c]] for i, c in enumerate(word)], "text": word}
        for word in ("lv", "vl", "l")
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


ROOM = """\
import gymnasium
import numpy as np
from gymnasium import spaces


class Room(gymnasium.Env):
    observation_space, action_space = spaces.Box(-1, 1, (2,), np.float32), spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.cue, self.t = int(self.np_random.integers(3)), 0
        return np.array([self.cue - 1, 0], np.float32), {}

    def step(self, action):
        self.t += 1
        return np.array([0, self.t / 4], np.float32), float(action == self.cue), self.t == 4, False, {}


def make():
    return Room()
"""
FRAMES = {"bands": 5, "num_layers": 1}
WINDOW = {"window": 8, "embedding_size": 4}
TINY: dict[str, Tiny] = {
    "classify": Tiny("classify", "kinds.csv", _series, {"num_layers": 2}),
    "control": Tiny("control", "room.py", _text(ROOM), {"environments": 4, "window": 8, "steps": 32, "episodes": 4}),
    "embed": Tiny("embed", "shapes.csv", lambda path: _series(path, False), {"vector_size": 2, "piece": 4}),
    "evolino": Tiny("evolino", "wave.csv", _wave, {"horizon": 4, "washout": 5}),
    "forecast": Tiny("forecast", "load.csv", _history, {"horizon": 2, "window": 6, "patch": 3, "season": 3}),
    "regress": Tiny("regress", "doses.csv", _doses, {"quantiles": (0.1, 0.9), "convolutions": False}),
    "segment": Tiny("segment", "talks.csv", _talks, FRAMES),
    "suggest": Tiny("suggest", "text.txt", _text(TEXT), WINDOW),
    "tag": Tiny("tag", "tags.conll", _text("\n".join(SENTENCES * 3)), {"word_size": 3, "character_size": 2}),
    "tag spans": Tiny(
        "tag", "spans.conll", _text("\n".join(SPANS * 3)), {"word_size": 3, "character_size": 2, "cell": "gru"}
    ),
    "transcribe": Tiny("transcribe", "sayings.csv", _sayings, {**FRAMES, "bidirectional": False}),
    "transcribe ink": Tiny("transcribe", "ink.jsonl", _writing, {"num_layers": 1, "cell": "layer_norm(lstm)"}),
    "translate": Tiny(
        "translate",
        "pairs.tsv",
        _text("ein Hund\ta dog\neine Katze\ta cat\n" * 4),
        {"hidden_size": 4, "vocabulary": 260, "embedding_size": 3, "num_layers": 1, "beam": 2},
    ),
    "write": Tiny("write", "text.txt", _text(TEXT), WINDOW),
    "write bytes": Tiny("write", "bytes.txt", _text(TEXT), {**WINDOW, "units": "bytes", "cell": "cell.py:Minimal"}),
    "write subwords": Tiny(
        "write", "words.txt", _text(TEXT), {**WINDOW, "units": "subwords", "vocabulary_size": 262, "adaptive": True}
    ),
    "write lstm": Tiny("write", "lstm.txt", _text(TEXT), {**WINDOW, "units": "bytes"}),
}


def fit(name: str, folder: Path, **further: Any) -> tuple[Any, Path]:
    """Fit a model of `TINY` in a folder of its own, with further arguments; return it and the file of its data."""
    tiny = TINY[name]
    folder.mkdir(parents=True, exist_ok=True)
    data = (folder / tiny.data).absolute()
    tiny.write(data)
    kind = estimator_class(tiny.task)
    options = {**SMALL, **tiny.options}
    if ".py:" in options.get("cell", ""):
        (folder / "cell.py").write_text(CELL)
    estimator = kind(**options)
    with contextlib.chdir(folder):  # where the file of the cell is
        estimator.fit(face(estimator).read(data), **further)
    face(estimator).bind_columns(kind.Columns())
    return estimator, data


def answers(estimator: Any, data: Path) -> dict[str, list[Any]]:
    """Return what a model predicts for a file, as JSON can say it."""
    table = face(estimator).table(face(estimator).read_alike(data, labelled=False))
    return {name: [_plain(value) for value in values] for name, values in table.to_pydict().items()}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float | None) else str(value)


def main(target: Path) -> None:
    for name in TINY:
        folder = target / name.replace(" ", "_")
        estimator, data = fit(name, folder)
        estimator.save(folder)
        (folder / "cell.py").unlink(missing_ok=True)
        (folder / "answers.json").write_text(json.dumps(answers(estimator, data), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
