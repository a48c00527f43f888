"""Features of the points along a pen's path: its direction, and the ink around, whenever that was written.

Liwicki & Bunke 2007 for the way and its turns; the ink around a point ("context bitmap") brings together what lies
together but was written apart, such as the dot of an i (Manke, Finke & Waibel 1995, "NPen++").
"""

from __future__ import annotations

import torch
from torch import Tensor

from keepgate.data.ink.strokes import STEP

__all__ = ["FEATURES", "ink_features"]

CELL = 0.25  # width of a column of the grid that ink is counted in, in deviations of the path's height
ROWS = (-1.5, -0.5, 0.5, 1.5, 2.5)  # heights between its rows
VIEWS = ((-4, -1), (-1, 2), (2, 5))  # columns from a point's own that are counted together: left of it, at it, right
FULL = 4.0  # points that make a field full of ink
FAR = 20.0  # longest way between points, in steps: that to a stroke far off
FEATURES = 6 + len(VIEWS) * (len(ROWS) + 1)


def ink_features(points: Tensor, lengths: Tensor) -> Tensor:
    """Return features [B, T, FEATURES] of points [B, T, 3] (x, y, whether a stroke begins) with lengths [B].

    They are the way from the point before in steps, the beginning of a stroke, the height, cosine and sine of the turn,
    and the ink in three fields side by side in each of six heights.
    """
    xy, begins = points[..., :2], points[..., 2:]
    way = torch.diff(xy, dim=1, prepend=xy[:, :1])
    length = torch.linalg.vector_norm(way, dim=-1, keepdim=True)
    direction = torch.where(length > 0, way / length.clamp(min=1e-12), 0.0)
    before = torch.cat([direction[:, :1], direction[:, :-1]], dim=1)
    cosine = (direction * before).sum(-1, keepdim=True)
    sine = direction[..., 1:] * before[..., :1] - direction[..., :1] * before[..., 1:]
    way = (way / STEP).clamp(-FAR, FAR)
    return torch.cat([way, begins, xy[..., 1:], cosine, sine, _ink_around(xy, lengths)], dim=-1)


def _ink_around(xy: Tensor, lengths: Tensor) -> Tensor:
    """Return how full of points the fields around each point are, from 0 to 1: [B, T, fields]."""
    (batch, steps, _), rows = xy.shape, len(ROWS) + 1
    inside = torch.arange(steps, device=xy.device) < lengths[:, None]
    x = torch.where(inside, xy[..., 0], torch.inf)
    column = torch.where(inside, (xy[..., 0] - x.amin(1, keepdim=True)) / CELL, 0.0).long() - VIEWS[0][0]
    row = torch.bucketize(xy[..., 1].contiguous(), torch.tensor(ROWS, dtype=xy.dtype, device=xy.device))
    columns = int(column.max()) + VIEWS[-1][1]
    grid = torch.zeros(batch, columns * rows, dtype=xy.dtype, device=xy.device)
    grid.scatter_add_(1, column * rows + row, inside.to(xy.dtype))
    sums = torch.cat([grid.new_zeros(batch, 1, rows), grid.unflatten(1, (columns, rows)).cumsum(1)], dim=1)

    def upto(place: Tensor) -> Tensor:
        return sums.gather(1, place[..., None].expand(-1, -1, rows))

    counts = [upto(column + stop) - upto(column + start) for start, stop in VIEWS]
    return torch.cat(counts, dim=-1).clamp(max=FULL) / FULL
