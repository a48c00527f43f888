"""The data of the command line's tests, as lines of files, and what a refusal is."""

import numpy as np

FAST = ("--epochs", "2", "--hidden-size", "4", "--no-progress")


def series(count: int = 12, seed: int = 0) -> tuple[list[np.ndarray], list[str]]:
    """Ramps of two channels, upwards or downwards, 4 to 8 steps long."""
    rng = np.random.default_rng(seed)
    labels = [("down", "up")[i % 2] for i in range(count)]
    lengths = rng.integers(4, 9, count)
    ramps = [np.linspace(0, 1 if label == "up" else -1, n) for label, n in zip(labels, lengths, strict=True)]
    return [np.stack([ramp, rng.normal(size=len(ramp))], axis=1).round(3) for ramp in ramps], labels


def csv_lines(header: str = "unique_id,ds,a,b,label", **options: int) -> list[str]:
    """The rows of a long table of `series`, the header first."""
    values, labels = series(**options)
    rows = [
        f"s{i},{t},{step[0]},{step[1]},{label}"
        for i, (value, label) in enumerate(zip(values, labels, strict=True))
        for t, step in enumerate(value)
    ]
    return [header, *rows]


def ts_lines(**options: int) -> list[str]:
    """The lines of a .ts file of `series`."""
    values, labels = series(**options)
    rows = [
        ":".join(",".join(map(str, channel)) for channel in value.T) + f":{label}"
        for value, label in zip(values, labels, strict=True)
    ]
    return ["@timeStamps false", "@dimensions 2", "@equalLength false", "@classLabel true down up", "@data", *rows]


def refused(outcome, *words):
    """The outcome is a refusal in one line that has these words."""
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1
    assert "Traceback" not in outcome.err
    assert outcome.err.startswith("keepgate ")
    for word in words:
        assert str(word) in outcome.err
