"""Training that begins with the recurrent weights of another run."""

from __future__ import annotations

from torch import nn

from keepgate.errors import InputError
from keepgate.nn import Recurrent
from keepgate.nn.blocks import Standardize


def begin_with(run: str, source: nn.Module, network: nn.Module) -> None:
    """Give the recurrent layers of a network the weights of those of another one.

    Where both standardize frames, the mean and deviation that the weights were learned for are copied, too.

    Args:
        run: the folder of the other one, for messages.
        source: the other one.
        network: the network.

    Raises:
        InputError: cell or sizes differ.
    """
    theirs, mine = (getattr(part, "recurrent", None) for part in (source, network))
    if not (isinstance(theirs, Recurrent) and isinstance(mine, Recurrent)):
        raise InputError(f"init={run}: that run has no recurrent layers to begin with")
    if _described(theirs) != _described(mine):
        raise InputError(
            f"init={run}: that run has {_described(theirs)}, this one {_described(mine)}; give both the same cell, "
            "sizes and kind of data"
        )
    mine.load_state_dict(theirs.state_dict())
    standards = [[part for part in whole.modules() if isinstance(part, Standardize)] for whole in (network, source)]
    for own, other in zip(*standards, strict=False):
        own.load_state_dict(other.state_dict())


def _described(recurrent: Recurrent) -> str:
    directions = "both directions" if recurrent.directions == 2 else "one direction"
    return (
        f"{recurrent.num_layers} x {recurrent.hidden_size} units of {recurrent.cell.name} in {directions} over "
        f"{recurrent.input_size} inputs"
    )
