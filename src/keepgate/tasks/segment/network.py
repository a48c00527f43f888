"""What `Segmenter` adds to the network of `Tagger`: disturbed recordings, and labels that may hold at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from keepgate.networks import Network
from keepgate.tasks.common.front_ends import AudioFrontEnd
from keepgate.tasks.common.padded import pad_frames
from keepgate.tasks.tag.network import FrameExamples, TaggerNetwork


class SteadyFrontEnd(AudioFrontEnd):
    """Log-mel bands, disturbed in training as those of `Transcriber`, but not in time: the labels' frames stay."""

    SPEED, TIME_MASKS = 0.0, 0


class SegmenterNetwork(TaggerNetwork):
    """`tagger` of recordings behind a front end, of labels that each hold or not."""

    front_end: AudioFrontEnd

    def __init__(self, description: Network, backend: str, front_end: AudioFrontEnd) -> None:
        super().__init__(description, backend)
        self.front_end = front_end

    def measure(self, frames: Sequence[np.ndarray]) -> None:
        """Standardize by the features of these recordings."""
        self.eval()
        assert self.standardise is not None
        (name,) = self.description.by_name["encoder.standardise"].sources
        given = (self.given(torch.from_numpy(x)[None], torch.tensor([len(x)])) for x in frames)
        self.standardise.fit([self.run(one, name)[0].numpy() for one in given])

    def given(self, read: Any, lengths: Tensor) -> dict[str, Tensor]:
        """The network's inputs."""
        return super().given(self.front_end(read, lengths)[0], lengths)


class RecordingExamples(FrameExamples):
    """Recordings as batches of `(x [B, T, bands] float64, lengths [B], targets [B, T, K])`; targets past a length
    are 0."""

    def __init__(self, values: Sequence[np.ndarray], targets: Sequence[np.ndarray] | None = None) -> None:
        super().__init__(values, [np.zeros((len(v), 1)) for v in values] if targets is None else targets)

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """The recordings `indices`, padded to the longest."""
        return *pad_frames([self.values[i] for i in indices]), pad_frames([self.targets[i] for i in indices])[0]


def segment_loss(network: TaggerNetwork, batch: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Mean binary cross entropy of the frames, of each label for itself."""
    given, lengths, targets = batch
    scores = network(given, lengths)
    inside = torch.arange(scores.shape[1], device=scores.device) < lengths[:, None]
    return F.binary_cross_entropy_with_logits(scores[inside], targets[inside].float())
