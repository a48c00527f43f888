"""The page `README.md`: how it was measured, and a table for each suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import geometric_mean

from benchmarks.cases import SUITES, Suite
from benchmarks.measure import FEWEST_TURNS, PROCESSES, TOLERANCE
from benchmarks.peers import Matmul
from benchmarks.results import Row
from benchmarks.worker import LONG, SETTLE, TURN

__all__ = ["count", "page", "where"]

SCALES_FROM = 5  # milliseconds

HEADER = f"""# keepgate beside other implementations

![ratios](results.png)

`make bench` measures all of this on your machine and rewrites this page; its rows are in
[`results.csv`](results.csv). `python -m benchmarks --suite steps --threads 2` measures a part;
`python -m benchmarks --against PATH` prints the times of this build over those of another, an interpreter or a checkout
with a built core.

- Float32, the same weights and input. Each side runs in a process of its own, in alternating turns; {PROCESSES}
  processes of each are measured one after the other. The environment is as a user has it, without a variable for
  threads; with fewer threads than processors a process may use as many processors as threads.
- A turn is a loop without pauses. Its time is the median of the runs that begin after its first
  {1000 * SETTLE:.0f} ms, in which idle threads of the other side go to sleep. It lasts {1000 * TURN:.0f} ms more, and
  until one run has counted; a run of {LONG:.0f} s counts anyway. Each process has {FEWEST_TURNS} turns or more.
- **ratio**: the median over pairs of turns of the peer's time (or memory) over ours, for the same work, so above 1
  keepgate is better; in brackets its quartiles; ✗ where it is below what is **asked**. Beside `torch matmul`, a product
  of {Matmul.SIZE} x {Matmul.SIZE} matrices, it is the share of the rate that torch reaches there; cells and modifiers
  beside `keepgate lstm` are per floating-point operation of their matrix products.
- Peak memory is that of one step beyond inputs and weights. A run of a single step goes before it: torch loads a part
  of itself in its first run.
- **error**: the largest difference between the two sides of any value, relative to the largest element of its tensor:
  of a whole training step the loss and the clipped gradients, in training outputs and all gradients (input and
  parameters), in inference outputs and final states, of a stream the outputs. A row with an error above
  {TOLERANCE:.0e} is not recorded; with weights in fewer bits, above {SUITES["storage"].tolerance}.
- Shapes are (T, B, I, H): steps, rows, inputs, hidden units.
"""
ISOLATED = """# Single calls in isolation

What follows is one call, forward or forward and backward, over and over with nothing between: no loss, no optimizer,
the same input each time. Memory and threads are then as warm as they never are in use: what counts there is the table
above.
"""


def page(rows: Sequence[Row]) -> str:
    """Return the page in Markdown."""
    threads = sorted({row.threads for row in rows}, reverse=True)
    parts = [HEADER, where(rows)]
    for name, suite in SUITES.items():
        own = [row for row in rows if row.suite == name]
        if own:
            parts += [f"## {suite.title}\n", _table(own, threads, suite), _mean(own, threads, suite)]
        if name == "steps":
            parts.append(ISOLATED)
    return "\n".join(part for part in parts if part)


def where(rows: Sequence[Row]) -> str:
    """Return the machines and versions of the rows."""
    machines = sorted({f"{row.machine}, {row.instruction_set}" for row in rows})
    versions = sorted({version for row in rows for version in row.versions.split("; ")})
    dates = sorted({row.date for row in rows})
    days = " to ".join(dict.fromkeys((dates[0], dates[-1])))
    return f"Measured on {'; '.join(machines)}; {', '.join(versions)}; {days}.\n"


def _table(rows: Sequence[Row], threads: Sequence[int], suite: Suite) -> str:
    """Return one suite's table: a line for each case, columns for each number of threads."""
    cases: dict[tuple[str, ...], dict[int, Row]] = {}
    for row in rows:
        cases.setdefault(row.key[1:-1], {})[row.threads] = row
    counts = [count(n) for n in threads]
    heads = ["shape", "cell", "mode", "beside"]
    heads += [part for count in counts for part in (f"{suite.unit}, {count}", "ratio")] + ["error", "asked"]
    heads += ["2 threads over 1"] if suite.scaling else []
    lines = [heads, ["---"] * len(heads)]
    for key, found in cases.items():
        cells = [part for n in threads for part in _cells(found.get(n))]
        error = max(row.max_error for row in found.values())
        goals = dict.fromkeys(f"{found[n].goal:.2f}" for n in threads if n in found)
        lines.append([*key, *cells, f"{error:.0e}", "; ".join(goals)])
        if suite.scaling:
            lines[-1].append(_scaling(found, suite.scaling))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cells(row: Row | None) -> tuple[str, str]:
    if row is None:
        return "", ""
    missed = " ✗" if row.ratio < row.goal else ""
    return f"{row.ours:.3g}", f"{row.ratio:.2f} ({row.ratio_lower:.2f}–{row.ratio_upper:.2f}){missed}"


def _scaling(found: Mapping[int, Row], asked: float) -> str:
    """Return how many times as fast two threads are, marked where that is too little for a run this long."""
    if not {1, 2} <= found.keys():
        return ""
    gained = found[1].ours / found[2].ours
    return f"{gained:.2f}{' ✗' if gained < asked and found[1].ours > SCALES_FROM else ''}"


def _mean(rows: Sequence[Row], threads: Sequence[int], suite: Suite) -> str:
    """Return the geometric means of the ratios, where one is asked for."""
    if not suite.means:
        return ""
    ratios = {n: [row.ratio for row in rows if row.threads == n] for n in threads}
    means = [f"{geometric_mean(r):.2f} at {count(n)}{_asked(suite.means.get(n))}" for n, r in ratios.items() if r]
    scaling = f" Two threads over one: {suite.scaling} is asked above {SCALES_FROM} ms on one." if suite.scaling else ""
    return f"Geometric mean of the ratio: {', '.join(means)}.{scaling}\n"


def _asked(least: float | None) -> str:
    return f" (asked: {least})" if least else ""


def count(threads: int) -> str:
    """Return a number of threads in words."""
    return f"{threads} thread{'s' if threads > 1 else ''}"
