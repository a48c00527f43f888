"""The page `README.md`: how it was measured, and a table for each suite."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.cases import SUITES, Suite
from benchmarks.measure import FEWEST_TURNS, PAUSE, TOLERANCE, TURN
from benchmarks.peers import Matmul
from benchmarks.results import Row

__all__ = ["page"]

HEADER = f"""# keepgate beside other implementations

![ratios](results.png)

`make bench` measures all of this on your machine and rewrites this page; its rows are in
[`results.csv`](results.csv). `python -m benchmarks --suite training --threads 2` measures a part.

- Float32. Both sides run in one process in alternating turns, with the same weights and input. A turn is as many
  runs as fit in {1000 * TURN:.0f} ms, at least one, after a pause of {1000 * PAUSE:.0f} ms in which idle threads of
  the other side go to sleep; its time is the median of its runs. There are {FEWEST_TURNS} turns or more.
- **ratio**: the median over pairs of turns of the peer's time (or memory) over ours, for the same work, so above 1
  keepgate is better; in brackets its quartiles; ✗ where it is below what is **asked**. Beside `torch matmul`, a product
  of {Matmul.SIZE} x {Matmul.SIZE} matrices, it is the share of the rate that torch reaches there; cells and modifiers
  beside `keepgate lstm` are per floating-point operation of their matrix products.
- Peak memory is that of one step beyond inputs and weights, each in a fresh process. A run of a single step goes
  before it: torch loads a part of itself in its first run.
- **error**: the largest difference between the two sides of any value, relative to the largest element of its tensor:
  in training outputs and all gradients (input and parameters), in inference outputs and final states, of a stream the
  outputs. A row with an error above {TOLERANCE:.0e} is not recorded; with weights in fewer bits, above
  {SUITES["storage"].tolerance}.
- Shapes are (T, B, I, H): steps, rows, inputs, hidden units.
- The process is held to as many processors as threads.
"""


def page(rows: Sequence[Row]) -> str:
    """Return the page in Markdown."""
    threads = sorted({row.threads for row in rows}, reverse=True)
    parts = [HEADER, _where(rows)]
    for name, suite in SUITES.items():
        own = [row for row in rows if row.suite == name]
        if own:
            parts += [f"## {suite.title}\n", _table(own, threads, suite.unit), _mean(own, threads, suite)]
    return "\n".join(part for part in parts if part)


def _where(rows: Sequence[Row]) -> str:
    """Return the machines and versions of the rows."""
    machines = sorted({f"{row.machine}, {row.instruction_set}" for row in rows})
    versions = sorted({version for row in rows for version in row.versions.split("; ")})
    dates = sorted({row.date for row in rows})
    days = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    return f"Measured on {'; '.join(machines)}; {', '.join(versions)}; {days}.\n"


def _table(rows: Sequence[Row], threads: Sequence[int], unit: str) -> str:
    """Return one suite's table: a line for each case, columns for each number of threads."""
    cases: dict[tuple[str, ...], dict[int, Row]] = {}
    for row in rows:
        cases.setdefault(row.key[1:-1], {})[row.threads] = row
    counts = [f"{n} thread{'s' if n > 1 else ''}" for n in threads]
    heads = ["shape", "cell", "mode", "beside"]
    heads += [part for count in counts for part in (f"{unit}, {count}", "ratio")] + ["error", "asked"]
    lines = [heads, ["---"] * len(heads)]
    for key, found in cases.items():
        cells = [part for n in threads for part in _cells(found.get(n))]
        error = max(row.max_error for row in found.values())
        goal = next(iter(found.values())).goal
        lines.append([*key, *cells, f"{error:.0e}", f"{goal:.2f}"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cells(row: Row | None) -> tuple[str, str]:
    if row is None:
        return "", ""
    missed = " ✗" if row.ratio < row.goal else ""
    return f"{row.ours:.3g}", f"{row.ratio:.2f} ({row.ratio_lower:.2f}–{row.ratio_upper:.2f}){missed}"


def _mean(rows: Sequence[Row], threads: Sequence[int], suite: Suite) -> str:
    """Return the geometric means of the ratios, where one is asked for."""
    if suite.mean is None:
        return ""
    ratios = {n: [row.ratio for row in rows if row.threads == n] for n in threads}
    means = [f"{np.exp(np.mean(np.log(r))):.2f} at {n} threads" for n, r in ratios.items() if r]
    return f"Geometric mean of the ratio: {', '.join(means)}; asked: {suite.mean}.\n"
