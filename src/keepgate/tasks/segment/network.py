"""What `Segmenter` adds to the network of `Tagger`: augmented recordings, and labels that may hold at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from keepgate.networks import Network
from keepgate.tasks.common.counts import f1
from keepgate.tasks.common.front_ends import AudioFrontEnd
from keepgate.tasks.tag.network import TaggerNetwork
from keepgate.training import Score


class SteadyFrontEnd(AudioFrontEnd):
    """Log-mel bands, augmented in training as those of `Transcriber`, but not in time: the labels' frames stay."""

    SPEED, TIME_MASKS = 0.0, 0


class SegmenterNetwork(TaggerNetwork):
    """`tagger` of recordings behind a front end, with labels that each hold or do not hold."""

    front_end: AudioFrontEnd

    def __init__(self, description: Network, backend: str, front_end: AudioFrontEnd) -> None:
        super().__init__(description, backend)
        self.front_end = front_end

    def measure(self, frames: Sequence[np.ndarray]) -> None:
        """Standardize by the features of recordings, N arrays [T_i, bands]."""
        self.eval()
        assert self.standardise is not None
        (name,) = self.description.by_name["encoder.standardise"].sources
        inputs = (self.given(torch.from_numpy(x)[None], torch.tensor([len(x)])) for x in frames)
        self.standardise.fit([self.run(one, name)[0].double().numpy() for one in inputs])

    def given(self, read: Any, lengths: Tensor) -> dict[str, Tensor]:
        """Return the network's inputs by name."""
        return super().given(self.front_end(read, lengths)[0], lengths)


def segment_loss(network: TaggerNetwork, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Return the mean binary cross entropy of a batch of `RecordingExamples`, of each frame and label."""
    frames, lengths, targets = batch
    return loss_of(network(frames, lengths), lengths, targets)


def loss_of(scores: Tensor, lengths: Tensor, targets: Tensor) -> Tensor:
    """Return the mean binary cross entropy of scores [B, T, K]."""
    inside = torch.arange(scores.shape[1], device=scores.device) < lengths[:, None]
    return F.binary_cross_entropy_with_logits(scores[inside], targets[inside].float())


def assess(network: TaggerNetwork, batch: tuple[Tensor, Tensor, Tensor], state: None) -> tuple[Tensor, Tensor, None]:
    """Return the loss of held-out pieces, how many frames of labels are right, wanted and given [3, 1], no state."""
    frames, lengths, targets = batch
    scores = network(frames, lengths)
    inside = (torch.arange(scores.shape[1], device=scores.device) < lengths[:, None])[..., None]
    wanted, given = targets.bool() & inside, (scores > 0) & inside
    counts = torch.stack([(wanted & given).sum(), wanted.sum(), given.sum()])
    return loss_of(scores, lengths, targets), counts.cpu()[:, None], state


SCORE = Score("f1", assess, f1)
