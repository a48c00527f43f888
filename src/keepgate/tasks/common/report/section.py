"""A part of a report, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Section:
    """A part of a report: a heading, and below it a sentence, a table, a figure or a listing.

    Attributes:
        title: the heading.
        text: a sentence.
        rows: of the table, dicts with the same keys, which become the columns.
        figure: made without pyplot (see `new_figure`), so that nothing is left open.
        listing: text with its line breaks.
    """

    title: str
    text: str = ""
    rows: Sequence[Mapping[str, Any]] = ()
    figure: Figure | None = None
    listing: str = ""
