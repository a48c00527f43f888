"""The convolution of a cell in torch, on values that lie in space with their channels last."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from keepgate.maps import Convolution

__all__ = ["convolve"]

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
MODES = {"zeros": "constant", "circular": "circular"}


def convolve(product: Convolution, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Return the convolution [..., *space, of the result] of x [..., *space, of the source].

    Args:
        product: which.
        x: any number of axes before the space.
        weight: [of the result, of the source, *kernel_size].
        bias: [of the result], or None.
    """
    first = x.dim() - 1 - product.dims
    lead, space = x.shape[:first], x.shape[first:-1]
    images = x.reshape(math.prod(lead), *x.shape[first:]).movedim(-1, 1)
    margins = product.reach
    padding: tuple[int, ...] = (0,) * product.dims
    if product.padding == "zeros" and all(back == on for back, on in margins):
        padding = tuple(on for _, on in margins)
    else:
        ends = [end for pair in reversed(margins) for end in pair]
        images = F.pad(images, ends, MODES[product.padding])
    done = CONVOLUTIONS[product.dims](images, weight, bias, padding=padding, dilation=product.dilation)
    return done.movedim(1, -1).reshape(*lead, *space, weight.shape[0])
