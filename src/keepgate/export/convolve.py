"""The convolution of a cell as ONNX's `Conv`, on values that lie in space with their channels last."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from keepgate.export.graph import Graph
from keepgate.maps import Convolution

__all__ = ["convolve"]

FAR = 2**31 - 1


def convolve(
    product: Convolution, graph: Graph, x: str, weights: np.ndarray, constant: Callable[[np.ndarray], str]
) -> str:
    """Return the convolution [..., *space, of the result] of x [..., *space, of the source].

    Args:
        product: which.
        graph: to emit to.
        x: a value with any number of axes before the space.
        weights: [of the result, of the source, *kernel_size].
        constant: puts them into the graph.
    """
    dims, margins = product.dims, product.reach
    lead, inner = graph.node("Shape", x, end=-1 - dims), graph.node("Shape", x, start=-1 - dims)
    images = graph.node("ReduceProd", lead, keepdims=1)
    value = graph.node("Reshape", x, graph.joined([images, inner], 0))
    value = graph.swap(value, 0, 1 + dims, *range(1, 1 + dims))
    pads = [back for back, _ in margins] + [on for _, on in margins]
    if product.padding == "circular":
        pads = [0] * (2 * dims)
        for axis, (back, on) in enumerate(margins, 2):
            ends = [graph.part(value, -back, FAR, axis)] if back else []
            begins = [graph.part(value, 0, on, axis)] if on else []
            value = graph.joined([*ends, value, *begins], axis)
    value = graph.node("Conv", value, constant(weights), pads=pads, dilations=product.dilation)
    value = graph.swap(value, 0, *range(2, 2 + dims), 1)
    shape = graph.joined([graph.node("Shape", x, end=-1), graph.constant(np.array([len(weights)]))], 0)
    return graph.node("Reshape", value, shape)
