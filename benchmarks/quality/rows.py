"""What the panels of all jobs share: where data lie, and rows that are kept in git."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import TypeVar

import pandas as pd

ABOVE = [folder / "shared" / "data" for folder in Path(__file__).resolve().parents[2:]]  # beside the checkout, or above
DATA = next((folder for folder in ABOVE if folder.is_dir()), ABOVE[0])
COLUMNS = ["job", "set", "size", "metric", "keepgate", "peer name", "peer value", "seconds", "versions"]

Scores = dict[tuple[str, str], float]  # by metric and peer
T = TypeVar("T")


def opened(sets: Mapping[str, Callable[[], T]], names: Iterable[str]) -> Iterator[T]:
    """Yield the sets of some names, but for those whose data are not here, which are told."""
    for name in names:
        try:
            data = sets[name]()
        except FileNotFoundError as error:
            print(f"{name} is left out: {error}")
            continue
        yield data


def known(path: Path, name: str) -> Scores:
    """Return what the peers reached on a set when they were measured before."""
    rows = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)
    rows = rows[rows["set"] == name]
    return {(row["metric"], row["peer name"]): float(row["peer value"]) for row in rows.to_dict("records")}


def keep(path: Path, rows: list[dict]) -> None:
    """Replace the rows of a set, and leave the others."""
    new = pd.DataFrame(rows, columns=COLUMNS)
    if path.exists():
        old = pd.read_csv(path)
        new = pd.concat([old[old["set"] != rows[0]["set"]], new])
    new.to_csv(path, index=False, float_format="%.4f", lineterminator="\n")


def summary(rows: pd.DataFrame, confidence: Iterable[str]) -> pd.DataFrame:
    """Return for each set: its score, what it is of the peers', how well confidence fits; means and least.

    Args:
        rows: of all sets.
        confidence: the metrics that say how well confidence fits; the others are the set's score.
    """
    found, confidence = [], list(confidence)
    for name, part in rows.groupby("set", sort=False):
        of = part[~part["metric"].str.startswith(tuple(confidence))].set_index("peer name")
        ratios = {f"of {peer}": row["keepgate"] / row["peer value"] for peer, row in of.iterrows()}
        sure = part.set_index("metric")["keepgate"]
        scores = {"score": of["keepgate"].iloc[0], **ratios, **{metric: sure.get(metric) for metric in confidence}}
        found.append({"set": name, **scores, "seconds": part["seconds"].iloc[0]})
    table = pd.DataFrame(found)
    mean, least = table.mean(numeric_only=True), table.min(numeric_only=True)
    return pd.concat([table, mean.to_frame().T.assign(set="mean"), least.to_frame().T.assign(set="least")]).round(3)


def versions(*names: str) -> str:
    """Return names of packages with their versions."""
    return " ".join(f"{name} {_version(name)}" for name in names)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
