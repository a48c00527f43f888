"""Pictures of utterances, with their symbols where the network found them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from keepgate.data.ink.strokes import normalize
from keepgate.tasks.common.report.figures import name_in_figure, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from keepgate.tasks.common.front_ends import FrontEnd
    from keepgate.tasks.transcribe.alignment import Transcript


def utterance_figure(front_end: FrontEnd, content: Any, transcript: Transcript) -> Figure:
    """Return the spectrogram of a recording, or the ink, under the transcript's symbols."""
    figure, axes = new_figure(8.0, 2.4)
    DRAWINGS[front_end.kind](axes, front_end, content)
    for symbol, begin, end in zip(transcript.symbols, transcript.begins, transcript.ends, strict=True):
        axes.annotate(
            name_in_figure(symbol),
            ((begin + end) / 2, 1.02),
            xycoords=("data", "axes fraction"),
            ha="center",
            va="bottom",
        )
        axes.axvline(begin, color="0.6", linewidth=0.5)
    return figure


def _spectrogram(axes: Axes, front_end: FrontEnd, content: Any) -> None:
    times = front_end.times(content)
    axes.imshow(
        front_end.frames(content).T,
        origin="lower",
        aspect="auto",
        cmap="magma",
        extent=(0.0, float(times[-1]), 0.0, float(front_end.size)),
    )
    axes.set(xlabel="seconds", ylabel="mel band")


def _ink(axes: Axes, front_end: FrontEnd, content: Any) -> None:
    for stroke in normalize(content):
        axes.plot(*np.asarray(stroke).T, color="black", linewidth=1.2, marker="." if len(stroke) == 1 else "")
    axes.set_aspect("equal")
    axes.axis("off")


DRAWINGS = {"audio": _spectrogram, "ink": _ink}
