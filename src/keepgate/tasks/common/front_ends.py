"""Front ends: recordings and ink as features, and augmentation while training.

A front end is a torch module without weights: `frames(content)` returns an array [T, ...] of one utterance; called with
frames x [B, T, ...] and lengths [B], it returns features [B, T, size] and lengths, in training those of augmented
frames, so that the model generalizes to other voices and hands.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from keepgate import schema
from keepgate.data.audio.log_mel import hop_seconds, hops, log_mel
from keepgate.data.ink import strokes
from keepgate.errors import InputError
from keepgate.tasks.common.ink_features import FEATURES, ink_features
from keepgate.tasks.common.parameters import RATES

__all__ = [
    "FRONT_ENDS",
    "AudioFrontEnd",
    "FrontEnd",
    "InkFrontEnd",
    "checked_rate",
]


def checked_rate(rate: Any) -> int:
    """Return the rate of samples that are passed in Python.

    Args:
        rate: in Hz, or None.

    Raises:
        InputError: it is absent, or none that a front end takes.
    """
    if rate is None:
        raise InputError("X holds samples: give their rate in Hz")
    schema.whole(*RATES)("rate", rate)
    return rate


class FrontEnd(nn.Module, ABC):
    """Base of the front ends.

    Args:
        rate: of recordings, in Hz.
        bands: mel bands of recordings.
        amount: of augmentation, 0: none, 1: as much as the defaults below.
    """

    kind: ClassVar[str]
    size: int

    def __init__(self, rate: int | None, bands: int, amount: float) -> None:
        super().__init__()
        self.amount = amount

    @abstractmethod
    def frames(self, content: Any) -> np.ndarray:
        """Return the frames [T, ...] of samples or strokes."""

    @abstractmethod
    def times(self, content: Any) -> np.ndarray:
        """Return where each of the T frames lies, and the end, [T + 1]: seconds of a recording, width of ink."""

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return features [B, T, size] of frames, and their lengths; in training the frames are augmented first."""
        if self.training and self.amount:
            x, lengths = self.augment(x, lengths)
        return self.features(x, lengths), lengths

    @abstractmethod
    def augment(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return other frames with the same meaning, and their lengths."""

    @abstractmethod
    def features(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return features [B, T, size] of frames; those past a length are undefined."""

    def extra_repr(self) -> str:
        """Return what a resumed run has to have in common."""
        return f"{self.size}, amount={self.amount}"


class AudioFrontEnd(FrontEnd):
    """Log-mel bands, float32.

    Augmentation changes speed, length of the vocal tract (Jaitly & Hinton 2013) and loudness, adds a floor of noise,
    and masks bands and times (SpecAugment, Park et al. 2019).
    """

    kind = "audio"
    SPEED, TRACT, LOUDNESS, NOISE = 0.15, 0.15, 1.0, 3.0  # ranges: shares, shares, deviations in nepers of power
    BAND_MASKS, TIME_MASKS, MASK = 2, 2, 0.15  # widest mask, as a share of all bands; of the steps a third of it

    def __init__(self, rate: int | None, bands: int, amount: float) -> None:
        super().__init__(rate, bands, amount)
        assert rate is not None
        self.rate, self.size = rate, bands

    def frames(self, content: np.ndarray) -> np.ndarray:
        """Return the log-mel bands [T, bands] of samples [N]."""
        return log_mel(content, self.rate, self.size)

    def times(self, content: np.ndarray) -> np.ndarray:
        """Return the frames' times in seconds."""
        return np.arange(hops(len(content), self.rate) + 1) * hop_seconds(self.rate)

    def features(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return the bands."""
        return x

    def augment(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return bands as of another voice in another room."""
        x, lengths = self._warp(x, lengths)
        count = len(x)
        floor = x.amin(dim=(1, 2), keepdim=True) + self.amount * self.NOISE * torch.rand(count, 1, 1)
        grain = torch.randn_like(x) * 0.5
        x = torch.logaddexp(x, floor + grain) + self.amount * self.LOUDNESS * torch.randn(count, 1, 1)
        middle = x.mean(dim=(1, 2), keepdim=True)
        for axis, masks, widest in ((2, self.BAND_MASKS, self.MASK), (1, self.TIME_MASKS, self.MASK / 3)):
            for _ in range(masks):
                x = torch.where(_stripe(x, axis, widest * self.amount), middle, x)
        return x, lengths

    def _warp(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Stretch each utterance in time and along the bands, by linear interpolation."""
        count, steps, bands = x.shape
        speed = 1 + self.amount * self.SPEED * (2 * torch.rand(count) - 1)
        tract = 1 + self.amount * self.TRACT * (2 * torch.rand(count) - 1)
        lengths = (lengths / speed).round().long().clamp(min=1)
        longest = int(lengths.max())
        t = (torch.arange(longest) + 0.5) * speed[:, None] / steps * 2 - 1
        f = (torch.arange(bands) + 0.5) * tract[:, None] / bands * 2 - 1
        grid = torch.stack(torch.broadcast_tensors(f[:, None, :], t[:, :, None]), dim=-1).to(x)
        return F.grid_sample(x[:, None], grid, padding_mode="border", align_corners=False)[:, 0], lengths


class InkFrontEnd(FrontEnd):
    """Points along the pen's path, and the ink around each, float64.

    Augmentation changes size, proportions, slant and slope of the writing, and the positions of its letters.
    """

    kind = "ink"
    size = FEATURES
    SCALE, SLANT, SLOPE = 0.15, 0.2, 0.03  # deviations
    WAVE, WAVELENGTH = 0.2, 10.0  # deviation of the sway along the line, in heights as the points are; mean length

    def frames(self, content: list[np.ndarray]) -> np.ndarray:
        """Return the points of strokes, [T, 3]; comparisons of places in `ink_features` need their precision."""
        return strokes.points(content).astype(np.float64)

    def times(self, content: list[np.ndarray]) -> np.ndarray:
        """Return how far to the right the pen is at each point."""
        x = strokes.points(content)[:, 0]
        return np.append(x, x[-1])

    def features(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return `ink_features`."""
        return ink_features(x, lengths)

    def augment(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return points as of another hand."""
        count, draw = len(x), torch.randn
        spread = torch.tensor([[self.SCALE, self.SLANT], [self.SLOPE, self.SCALE]])
        turn = (torch.eye(2) + self.amount * spread * draw(count, 2, 2)).to(x)
        wave = (self.amount * self.WAVE * draw(count, 1, 2)).to(x)
        phase = (2 * math.pi * torch.rand(count, 1, 2)).to(x)
        often = (2 * math.pi / self.WAVELENGTH * (0.5 + torch.rand(count, 1, 2))).to(x)
        middle = x[..., :1].sum(1, keepdim=True) / lengths[:, None, None]  # zeros lie past the lengths
        xy = torch.cat([x[..., :1] - middle, x[..., 1:2]], dim=-1)
        xy = xy @ turn.transpose(1, 2) + wave * torch.sin(often * xy[..., :1] + phase)
        return torch.cat([xy, x[..., 2:]], dim=-1), lengths


def _stripe(x: Tensor, axis: int, share: float) -> Tensor:
    """Return for each row of x a mask that is a stripe of up to `share` of an axis."""
    size, count = x.shape[axis], len(x)
    width = torch.rand(count) * share * size
    first = torch.rand(count) * (size - width)
    place = torch.arange(size)
    mask = (place >= first[:, None]) & (place < (first + width)[:, None])
    return (mask[:, :, None] if axis == 1 else mask[:, None, :]).to(x.device)


FRONT_ENDS = {"audio": AudioFrontEnd, "ink": InkFrontEnd}
