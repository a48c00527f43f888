"""What a search leaves, and its figures."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pytest

from keepgate.search import save, search_cell
from keepgate.search.figures import family_figure, scores_figure
from keepgate.search.saving import FILES, leaderboard

TINY = {"updates": (2, 4), "units": 4, "generations": 1, "processes": 1}


@pytest.fixture(scope="module")
def found():
    return search_cell(["latch"], held_out=["order"], **TINY)


def test_all_files_are_there(found, tmp_path: Path):
    save(found, tmp_path / "run")
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == set(FILES) - {"trials.jsonl"}  # there is no journal without run=
    assert (tmp_path / "run" / "family.png").read_bytes()[:4] == b"\x89PNG"
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("<svg") == 2
    assert "Family tree" in page
    assert "p against lstm" in page
    with (tmp_path / "run" / "leaderboard.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(found.search.members)
    assert {"lstm", "gru", "mut1"} <= {row["cell"] for row in rows}


def test_the_leaderboard_begins_with_the_best(found):
    rows = leaderboard(found.search.members)
    passed = [(row["hurdles passed"], row["less its price"]) for row in rows]
    assert passed == sorted(passed, reverse=True)


def test_the_tree_shows_all_members_and_the_lineage(found):
    lineage = found.search.lineage(found.member)
    [axes] = family_figure(found.search.members, lineage).axes
    everybody, ancestors = axes.collections
    assert len(everybody.get_offsets()) == len(found.search.members)
    assert [int(x) for x, _ in ancestors.get_offsets()] == [member.number for member in lineage]
    assert len(axes.lines) == sum(len(member.parents) for member in found.search.members)


def test_names_in_the_tree_do_not_cover_each_other(found):
    [axes] = family_figure(found.search.members, found.search.members).axes
    places = sorted(text.xy[0] for text in axes.texts)
    assert places[-1] == len(found.search.members) - 1
    assert min(b - a for a, b in itertools.pairwise(places)) > 0.1 * len(found.search.members)


def test_the_scores_are_drawn_with_a_dot_a_seed(found):
    [axes] = scores_figure(found.comparison).axes
    assert len(axes.patches) == 5
    assert all(len(dots.get_offsets()) == 5 for dots in axes.collections)
