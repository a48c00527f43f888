"""A layer's rows in the order of falling lengths, sorted once for all layers and directions."""

from __future__ import annotations

from dataclasses import replace

from keepgate.nn.checks import looked_at
from keepgate.scan import Arguments
from keepgate.scan.engines import Engine
from keepgate.scan.order import UNSORTED, Order
from keepgate.scan.torch_private import in_forward_mode

__all__ = ["sort_rows"]


def sort_rows(arguments: Arguments, engine: Engine) -> tuple[Arguments, Order]:
    """Return the arguments of all layers with rows that fall in length, where the engine sorts them so, and the order.

    Where something looks on for which the lengths must not steer the program, the engine sorts them itself.
    """
    a = arguments
    if a.lengths is None or not engine.falling or looked_at() or in_forward_mode():
        return a, UNSORTED
    order = Order(a.lengths)
    rows = order.rows
    if rows is None:
        return replace(a, lengths=order.lengths, falling=True), order
    state, given = ({name: order.sort(v, 1) for name, v in part.items()} for part in (a.state, a.step_inputs))
    reset = None if a.reset is None else order.sort(a.reset, 1)
    a = replace(a, x=order.sort(a.x, 1), state=state, lengths=order.lengths, reset=reset, step_inputs=given)
    return replace(a, falling=True, rows=rows), order
