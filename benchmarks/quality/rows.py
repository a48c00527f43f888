"""What the panels of all jobs share: where data lie, and rows that are kept in git."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pandas as pd

ABOVE = [folder / "shared" / "data" for folder in Path(__file__).resolve().parents[2:]]  # beside the checkout, or above
DATA = next((folder for folder in ABOVE if folder.is_dir()), ABOVE[0])
COLUMNS = ["job", "set", "size", "metric", "keepgate", "peer name", "peer value", "seconds", "versions"]

Scores = dict[tuple[str, str], float]  # by metric and peer


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


def versions(*names: str) -> str:
    """Return names of packages with their versions."""
    return " ".join(f"{name} {_version(name)}" for name in names)


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
