"""A part of a report, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Section:
    """A part of a report: a heading, then what is given of a sentence, a table, a figure and a listing.

    `rows` are dicts with the same keys, which become the columns. `figure` is a matplotlib Figure made
    without pyplot (see `new_figure`), so that nothing is left open.
    """

    title: str
    text: str = ""
    rows: Sequence[Mapping[str, Any]] = ()
    figure: Figure | None = None
    listing: str = ""
