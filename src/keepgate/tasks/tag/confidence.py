"""How sure a tagger is: the temperature that calibrates the probabilities of its tags, and how well they fit.

A conditional random field is calibrated as a whole: emissions and transitions are divided by the temperature, which
leaves the most probable path as it is, and the marginals of what results are the probabilities.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from keepgate.objectives import LinearChainCRF
from keepgate.tasks.common.calibration import temperature
from keepgate.tasks.common.sessions import Sessions
from keepgate.tasks.tag.network import TaggerNetwork, column_of
from keepgate.training import Examples, Part

__all__ = ["Scored", "scored", "tag_temperature"]

Scored = tuple[Tensor, Tensor]  # scores [T, K] of a sequence, and its targets [T], -1 for a tag that is not known
BOUNDS = (-2.0, 3.0)  # of the logarithm of a random field's temperature
MOST = 1_000  # sequences by which a random field is calibrated


def scored(network: TaggerNetwork, held_out: Examples, head: int = 0) -> tuple[Examples, Callable[[Any], list[Scored]]]:
    """Return the sequences of a held-out part, and a function from batches of them to a column's scores and targets.

    Sequences of sessions are taken one by one here, each from the initial state.
    """
    data, indices = (held_out.data, held_out.indices) if isinstance(held_out, Part) else (held_out, None)
    if isinstance(data, Sessions):
        chosen = data.sessions if indices is None else [data.sessions[i] for i in indices]
        held_out = Part(data.examples, np.array([row for session in chosen for row in session]))

    def read(batch: Any) -> list[Scored]:
        inputs, lengths, targets = batch
        scores, targets = network.scan_all(inputs, lengths)[0][head], column_of(targets, head)
        return [(row[:n], tags[:n]) for row, tags, n in zip(scores, targets, lengths.tolist(), strict=True)]

    return held_out, read


def tag_temperature(crf: LinearChainCRF | None, rows: Sequence[Scored]) -> float | None:
    """Return the temperature at which the right tags of held-out sequences are most probable; None if none is known.

    Args:
        crf: the random field that reads the scores; None: a softmax does.
        rows: of the sequences.
    """
    targets = torch.cat([tags for _, tags in rows]).cpu().numpy()
    known = targets >= 0
    if not known.any():
        return None
    if crf is None:
        logits = torch.cat([scores for scores, _ in rows]).double().cpu().numpy()
        return temperature(logits[known], targets[known])
    return _of_field(crf, [row for row in rows if bool((row[1] >= 0).all())][:MOST])


def _of_field(crf: LinearChainCRF, rows: Sequence[Scored]) -> float | None:
    if not rows:
        return None
    lengths = torch.tensor([len(tags) for _, tags in rows], device=rows[0][0].device)
    scores, targets = (pad_sequence(list(part), batch_first=True) for part in zip(*rows, strict=True))
    inside = torch.arange(scores.shape[1], device=lengths.device) < lengths[:, None]
    doubt = 0.5 / (int(lengths.sum()) + 1)  # as `temperature` has it: data without a mistake leave doubt

    def surprise(log: float) -> float:
        """Return the mean negative log-probability of the right tags at a temperature."""
        cooled, heat = copy.deepcopy(crf), float(np.exp(log))
        for parameter in cooled.parameters():
            parameter.div_(heat)
        chances = cooled.marginals(scores / heat, lengths).double().clamp_min(1e-30)[inside]
        right = chances.gather(1, targets[inside][:, None])[:, 0]
        return float(-((1 - doubt) * right.log() + doubt * chances.log().mean(1)).mean())

    with torch.no_grad():
        best, logs = 0.0, np.linspace(*BOUNDS, 21)
        for _ in range(2):
            best = min(logs.tolist(), key=surprise)
            logs = best + (logs - logs.mean()) / 10
    return float(np.exp(best))
