"""The rows that are kept in git: `results.csv`."""

from __future__ import annotations

import csv
import datetime
import importlib.metadata
import io
import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import keepgate
from benchmarks.cases import SUITES, Case, cases
from benchmarks.measure import PROCESSES, Measurement
from keepgate.native import instruction_set
from keepgate.store import write_atomic

__all__ = ["Row", "key_of", "read", "row_of", "write"]

Key = tuple[str, str, str, str, str, int]


@dataclass(frozen=True)
class Row:
    """One measured row; `benchmarks/README.md` says what the columns are."""

    suite: str
    steps: int
    batch: int
    inputs: int
    hidden: int
    cell: str
    mode: str
    threads: int
    engine: str
    peer: str
    unit: str
    ours: float
    theirs: float
    ratio: float
    ratio_lower: float
    ratio_upper: float
    turns: int
    processes: int
    goal: float
    max_abs_error: float
    max_error: float
    machine: str
    instruction_set: str
    versions: str
    date: str

    @property
    def shape(self) -> str:
        """The shape as the table shows it."""
        return f"({self.steps}, {self.batch}, {self.inputs}, {self.hidden})"

    @property
    def key(self) -> Key:
        """What makes it one row: it is replaced when it is measured again."""
        return self.suite, self.shape, self.cell, self.mode, self.peer, self.threads


def key_of(case: Case, threads: int) -> Key:
    """Return the key of a case's row."""
    return case.suite, str(case.shape), case.cell, case.mode, case.peer.name if case.peer else "", threads


def row_of(case: Case, threads: int, measured: Measurement, errors: tuple[float, float]) -> Row:
    """Return the row of a measurement, with where and when it was made."""
    absolute, relative = (float(f"{error:.1e}") for error in errors)
    return Row(
        suite=case.suite,
        **case.shape._asdict(),
        cell=case.cell,
        mode=case.mode,
        threads=threads,
        engine="native",
        peer=case.peer.name,
        unit=SUITES[case.suite].unit,
        ours=_rounded(measured.ours),
        theirs=_rounded(measured.theirs),
        ratio=_rounded(measured.ratio),
        ratio_lower=_rounded(measured.lower),
        ratio_upper=_rounded(measured.upper),
        turns=measured.turns,
        processes=PROCESSES,
        goal=_rounded(case.goal_at(threads)),
        max_abs_error=absolute,
        max_error=relative,
        machine=machine(),
        instruction_set=instruction_set(),
        versions=_versions(*case.peer.packages),
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def machine() -> str:
    """Return the processor's name and the number of processors."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    name = next((line.split(": ")[1] for line in lines if line.startswith("model name")), platform.machine())
    return f"{name}, {os.cpu_count()} processors"


def _versions(*packages: str) -> str:
    others = (f"{name} {importlib.metadata.version(name)}" for name in ("torch", *packages))
    return "; ".join((f"keepgate {keepgate.__version__}", *others))


def read(path: Path) -> dict[Key, Row]:
    """Return the rows of a file by key; none, if there is no file, or one of other columns.

    Rows of other columns were measured in another way: both sides in one process, with pauses.
    """
    if not path.exists():
        return {}
    kinds = {"int": int, "float": float, "str": str}
    convert = {field.name: kinds[str(field.type)] for field in fields(Row)}
    with path.open(newline="") as file:
        table = csv.DictReader(file)
        if table.fieldnames != list(convert):
            return {}
        rows = [Row(**{name: convert[name](value) for name, value in row.items()}) for row in table]
    return {row.key: row for row in rows}


def write(path: Path, rows: Iterable[Row]) -> None:
    """Replace a file by rows in the order of the registry; rows that are no longer in it are left out."""
    order = {key_of(case, 0)[:-1]: i for i, case in enumerate(cases())}
    kept = sorted((r for r in rows if r.key[:-1] in order), key=lambda r: (order[r.key[:-1]], -r.threads))
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, [field.name for field in fields(Row)], lineterminator="\n")
    table.writeheader()
    table.writerows(asdict(row) for row in kept)
    write_atomic(path, text.getvalue().encode())
