"""The plainest call of a layer, in a third of the time: no gradient, and every tensor as it should be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from keepgate.nn.checks import check_finite, looked_at
from keepgate.scan.layers import run_plain
from keepgate.scan.torch_private import in_forward_mode

if TYPE_CHECKING:
    from keepgate.nn.recurrent import Recurrent

__all__ = ["run_plain_call"]


def run_plain_call(layer: Recurrent, input: Any, hx: Any) -> tuple[Any, ...] | None:
    """Return what a call of bound layers without gradients, lengths, resets and options gives; in any other case None.

    What the core cannot read as it is is no error here: who asks goes the long way then, where faults have sentences.
    """
    stack = layer.bound
    if stack is None or stack.storage == "pairs" or type(input) is not Tensor or input.dim() != 3:
        return None
    training = layer.training
    if (training and (layer.drops or layer.draws)) or torch.is_autocast_enabled("cpu"):
        return None
    if looked_at() or in_forward_mode():
        return None
    state: Any = (hx,) if len(stack.widths) == 1 else hx
    if hx is None:
        if layer.initial_state != "zeros":
            return None
        state = ()
    elif type(state) is not tuple or len(state) != len(stack.widths) or layer.state_batch_first:
        return None
    results = run_plain(stack, layer._parameters, input.transpose(0, 1) if layer.batch_first else input, state)
    if results is None:
        return None
    output, final = results
    if training:
        check_finite(layer, output, dict(zip(stack.widths, final, strict=True)))
    if layer.batch_first:
        output = output.transpose(0, 1)
    if layer.state_batch_first:
        final = tuple([value.transpose(0, 1) for value in final])
    return output, final[0] if len(final) == 1 else final
