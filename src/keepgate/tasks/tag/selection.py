"""The held-out score by which the epoch of a tagger is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from keepgate.tasks.common.counts import SCORES, class_counts
from keepgate.tasks.tag.network import TaggerNetwork, column_of
from keepgate.tasks.tag.scores import spans
from keepgate.training import Score


def tag_score(select: str | None, tags: Sequence[str], *, spanned: bool) -> Score | None:
    """Return the score of held-out tags, None for the loss; of several columns the first one's.

    Args:
        select: one of `SELECT`; None: F1 of spans where tags mark spans, else accuracy.
        tags: names of the tags.
        spanned: whether they mark spans.
    """
    select = select or ("f1" if spanned else "accuracy")
    if select == "loss":
        return None

    def count(best: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
        inside = torch.arange(targets.shape[1], device=targets.device) < lengths[:, None]
        if select == "accuracy" or not spanned:
            return class_counts(targets[inside], best[inside], len(tags))
        rows = zip(lengths.tolist(), targets.tolist(), best.tolist(), strict=True)
        return span_counts([(row[:n], found[:n]) for n, row, found in rows], tags)

    def measure(network: TaggerNetwork, batch: Any, state: Any) -> tuple[Tensor, Tensor, Any]:
        inputs, lengths, targets = batch
        scores, state = network.scan_all(inputs, lengths, state)
        counts = count(network.best(scores[0], lengths), lengths, column_of(targets, 0))
        return network.sum_of_losses(scores, lengths, targets), counts, state

    return Score(select, measure, SCORES[select])


def span_counts(pairs: Sequence[tuple[Sequence[int], Sequence[int]]], tags: Sequence[str]) -> Tensor:
    """Return how many spans are right, wanted and given, [3, 1].

    Args:
        pairs: numbers of the true tags of each sentence, -1 for a tag that is not known, and of those that were found.
        tags: their names.
    """
    names = [*tags, "O"]  # number -1 is the last
    truth, guess = ([[names[k] for k in row] for row in rows] for rows in zip(*pairs, strict=True))
    right = sum(len({*spans(a)} & {*spans(b)}) for a, b in zip(truth, guess, strict=True))
    wanted, given = (sum(len(spans(row)) for row in rows) for rows in (truth, guess))
    return torch.tensor([[right], [wanted], [given]])
