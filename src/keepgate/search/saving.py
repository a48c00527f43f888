"""What a search leaves in its folder: the cell's file, its family tree, a table, and a report."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keepgate.search.bench import NAME as JOURNAL
from keepgate.search.evolution import Member
from keepgate.search.figures import family_figure, scores_figure
from keepgate.search.found import Found
from keepgate.search.writing import source
from keepgate.store import make_folder, write_atomic
from keepgate.tasks.common.report.page import write_report
from keepgate.tasks.common.report.section import Section

__all__ = ["CELL", "CLASS", "FILES", "leaderboard", "save"]

CELL, CLASS = "found.py", "Found"
FILES = {
    CELL: f"the cell, for --cell {CELL}:{CLASS}",
    "leaderboard.csv": "all cells that were tried",
    "family.png": "its family tree",
    "report.html": "the report",
    JOURNAL: "the journal, from which the search goes on",
}
SHOWN = 20  # members, in the report


def save(found: Found, folder: str | Path) -> None:
    """Write `FILES` but the journal into a folder, each replaced at once."""
    folder = make_folder(folder)
    search, member = found.search, found.member
    lineage = search.lineage(member)
    about = f"Found by a search on {', '.join(found.facts['chosen on'])}, seed {found.facts['seed']}."
    write_atomic(folder / CELL, source(member.equations.new, CLASS, about).encode())
    rows = leaderboard(search.members)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(folder / "leaderboard.csv", text.getvalue().encode())
    tree, picture = family_figure(search.members, lineage), io.BytesIO()
    tree.savefig(picture, format="png", dpi=150)
    write_atomic(folder / "family.png", picture.getvalue())
    write_report(folder / "report.html", "search cell", sections(found, rows, lineage, tree))


def leaderboard(members: Sequence[Member]) -> list[dict[str, Any]]:
    """Return a row for each member, best first: its scores, and where it comes from."""
    rows = []
    for member in sorted(members, key=lambda m: (-m.rank[0], -m.rank[1], m.number)):
        last = {task: f"{scores[-1]:.4f}" if scores else "" for task, scores in member.result["scores"].items()}
        rows.append(
            {
                "cell": member.name,
                "score": round(member.score, 4),
                "less its price": round(member.rank[1], 4),
                "hurdles passed": max(len(member.curve) - 1, 0),
                **last,
                "parents": " ".join(str(number) for number in member.parents),
                "how": ", ".join(member.how),
                "lost": member.result["lost"] or "",
            }
        )
    return rows


def sections(found: Found, rows: list[dict[str, Any]], lineage: Sequence[Member], tree: Any) -> list[Section]:
    """Return the report."""
    search = found.search
    steps = [f"{m.name}: {', '.join(m.how) or 'known'}; score {m.score:.4f}\n{m.equations}\n" for m in lineage]
    turned_down = [{"reason": reason, "children": count} for reason, count in search.turned_down.most_common()]
    finalists = [{"cell": m.name, "score over fresh seeds": score, "price": m.price} for m, score in found.finalists]
    keys = "chosen on", "chosen among the best on", "judged on"
    chosen, last, judged = (", ".join(found.facts[key]) for key in keys)
    return [
        Section("What came out", found.verdict[0].upper() + found.verdict[1:] + ".", listing=str(found.equations)),
        Section(
            f"On tasks that chose nothing: {judged}",
            "Share of the loss explained (1: no error, 0: the best constant answer) on held-out sequences: mean and "
            "standard deviation over five seeds. All cells have equally many weights and updates, and a learning rate "
            "searched for each; p by a paired t-test over the seeds' means of all tasks.",
            found.comparison.rows(),
            scores_figure(found.comparison),
        ),
        Section("Family tree", "Red: the cell and its ancestors, with the mutations.", figure=tree),
        Section("From the first to the last", listing="\n".join(steps)),
        Section(
            f"The last choice, on {last}",
            "The best, trained anew with fresh seeds; of those as good the simplest is taken.",
            finalists,
        ),
        Section(f"The best of {len(search.members)} cells", f"All are in leaderboard.csv; {chosen}.", rows[:SHOWN]),
        Section("Turned down", "Children that were not tried, and trainings that came to nothing.", turned_down),
        Section("Settings", rows=[{"setting": name, "value": value} for name, value in found.facts.items()]),
    ]
