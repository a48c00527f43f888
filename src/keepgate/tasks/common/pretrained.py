"""Training that begins with the weights of another run: the recurrent ones, or all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from torch import Tensor, nn

from keepgate.errors import InputError
from keepgate.nn import Recurrent
from keepgate.nn.blocks import Standardize

NOTHING: Mapping[str, tuple[Sequence[str], Sequence[str]]] = MappingProxyType({})


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
    _check_single(run, source)
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


def _check_single(run: str, source: nn.Module) -> None:
    members = len(getattr(source, "recurrent_steps", ()))
    if members > 1:
        raise InputError(f"init={run}: that run is an ensemble of {members} networks; give one that was fitted alone")


def _described(recurrent: Recurrent) -> str:
    directions = "both directions" if recurrent.directions == 2 else "one direction"
    return (
        f"{recurrent.num_layers} x {recurrent.hidden_size} units of {recurrent.cell.name} in {directions} over "
        f"{recurrent.input_size} inputs"
    )


def go_on_from(
    run: str, source: nn.Module, network: nn.Module, rows: Mapping[str, tuple[Sequence[str], Sequence[str]]] = NOTHING
) -> None:
    """Give a network all weights of another of its kind, in place.

    Args:
        run: the folder of the other one, for messages.
        source: the other one.
        network: the network.
        rows: for layers whose rows have names, such as those of labels: the names there, and the names here. A row
            whose name is known there is taken over; the others stay as they were drawn.

    Raises:
        InputError: a tensor of the one is not there in the other, or of another shape.
    """
    _check_single(run, source)
    theirs, mine = source.state_dict(), network.state_dict()
    taken = {}
    for name, value in mine.items():
        there = theirs.get(name)
        named = rows.get(name.rpartition(".")[0])
        shapes = [None if one is None else tuple(one.shape)[1 if named else 0 :] for one in (there, value)]
        if there is None or shapes[0] != shapes[1]:
            said = "no such tensor" if there is None else f"{name} {tuple(there.shape)}"
            raise InputError(
                f"init={run}: this network has {name} {tuple(value.shape)} and that run {said}; give both the same "
                "cell, sizes and kind of data"
            )
        taken[name] = there if named is None else _rows(value, there, *named)
    if more := [name for name in theirs if name not in mine]:
        raise InputError(f"init={run}: that run has {more[0]}, which this network lacks; give both the same sizes")
    network.load_state_dict(taken)


def _rows(value: Tensor, there: Tensor, names_there: Sequence[str], names: Sequence[str]) -> Tensor:
    """Return a tensor with the rows of another one whose names it knows."""
    places = {name: place for place, name in enumerate(names_there)}
    value = value.clone()
    for row, name in enumerate(names):
        if name in places:
            value[row] = there[places[name]]
    return value


def freeze_all_but(network: nn.Module, layer: str) -> None:
    """Let one layer of a network alone learn."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name.startswith(f"{layer}."))
