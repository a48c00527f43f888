"""Pictures of recordings with their segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from keepgate.tasks.common.report.figures import ShownFigure, name_in_figure

if TYPE_CHECKING:
    from keepgate.data.recordings.segments import Segment

SECONDS = 30.0  # of a longer recording the beginning is drawn
COLOURS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink", "tab:olive")


def recording_figure(
    features: np.ndarray,
    times: np.ndarray,
    labels: Sequence[str],
    probabilities: np.ndarray,
    findings: Mapping[str, Sequence[Segment]],
) -> Figure:
    """Return the spectrogram of a recording, the probabilities of labels, and rows of segments.

    Of more than eight labels the first eight are drawn.

    Args:
        features: of the recording, [T, bands].
        times: where each frame begins and the last one ends, in seconds, [T + 1].
        labels: names of the K labels.
        probabilities: of the labels, [T, K].
        findings: a row of segments by its name.
    """
    labels = labels[: len(COLOURS)]
    probabilities = probabilities[:, : len(labels)]
    shown = int(np.searchsorted(times, SECONDS, side="right")) - 1
    end = float(times[shown])
    figure = ShownFigure(figsize=(8.0, 3.6), layout="constrained")
    top, middle, bottom = figure.subplots(3, sharex=True, height_ratios=(3, 1.2, 0.5 + 0.4 * len(labels)))
    frames = features[:shown].T
    top.imshow(frames, origin="lower", aspect="auto", cmap="magma", extent=(0.0, end, 0.0, float(features.shape[1])))
    top.set(ylabel="mel band")
    for values, label, colour in zip(probabilities[:shown].T, labels, _colours(labels), strict=True):
        middle.plot(
            (times[:shown] + times[1 : shown + 1]) / 2, values, color=colour, linewidth=1, label=name_in_figure(label)
        )
    middle.set(ylim=(-0.05, 1.05), ylabel="probability")
    for row, segments in enumerate(findings.values()):
        for label, colour in zip(labels, _colours(labels), strict=True):
            spans = [(s.start, s.end - s.start) for s in segments if s.label == label]
            height = 0.8 / len(labels)
            bottom.broken_barh(spans, (row - 0.4 + height * labels.index(label), height), color=colour)
    bottom.set(yticks=range(len(findings)), yticklabels=list(findings), xlim=(0.0, end), xlabel="seconds")
    bottom.set_ylim(len(findings) - 0.5, -0.5)
    for axes in (middle, bottom):
        axes.spines[["top", "right"]].set_visible(False)
    if len(labels) > 1:
        middle.legend(frameon=False, ncols=len(labels), loc="lower right", bbox_to_anchor=(1.0, 1.0))
    return figure


def _colours(labels: Sequence[str]) -> list[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(len(labels))]
