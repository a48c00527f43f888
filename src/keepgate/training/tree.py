"""Tuples, lists and dicts of tensors: batches, and the state carried from window to window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from keepgate.errors import InputError, quoted

__all__ = ["check_alike", "check_finite", "detach", "digest", "flatten", "to_device", "unflatten"]


def to_device(tree: Any, device: torch.device) -> Any:
    """Return the same tree with everything that has `to` (tensors, PackedSequence) on `device`; the rest as it is."""
    if hasattr(tree, "to"):
        return tree.to(device)
    if isinstance(tree, dict):
        return {key: to_device(value, device) for key, value in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return type(tree)(*(to_device(value, device) for value in tree))
    if isinstance(tree, tuple | list):
        return type(tree)(to_device(value, device) for value in tree)
    return tree


def detach(state: Any) -> Any:
    """Return the state without its history: no gradient goes back through it.

    A state is a tensor or None, or tuples, lists and dicts of states; named tuples become tuples, because a checkpoint
    could not restore their class.

    Raises:
        TypeError: the state has anything else in it.
    """
    if state is None:
        return None
    if isinstance(state, torch.Tensor):
        return state.detach()
    if isinstance(state, dict):
        return {key: detach(value) for key, value in state.items()}
    if isinstance(state, tuple | list):
        return (list if isinstance(state, list) else tuple)(detach(value) for value in state)
    raise TypeError(f"a carried state is made of tensors, tuples, lists and dicts, not of {type(state).__name__}")


def check_alike(wanted: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor]) -> None:
    """Compare the tensors of a file with those that they shall fill, before anything is filled or allocated.

    Raises:
        InputError: a tensor is missing, unknown, or of another shape or type; the message names it.
    """
    for name in [*wanted, *tensors]:
        if name not in tensors or name not in wanted:
            raise InputError(
                f"the tensor {quoted(name)} is " + ("missing" if name in wanted else "none that is needed")
            )
        expected, tensor = wanted[name], tensors[name]
        if expected.shape != tensor.shape or expected.dtype != tensor.dtype:
            kinds = [f"{list(value.shape)} of {value.dtype}" for value in (tensor, expected)]
            raise InputError(f"the tensor {quoted(name)} is {kinds[0]}, not {kinds[1]}")


def check_finite(tensors: Mapping[str, torch.Tensor], forbidding: tuple[str, ...] = ()) -> None:
    """Refuse tensors with NaN or infinite numbers.

    Args:
        tensors: by name.
        forbidding: prefixes of the names of those that may have minus infinity, the score of what is impossible.

    Raises:
        InputError: a tensor has such a number; the message names it.
    """
    for name, value in tensors.items():
        right = value.isfinite()
        if name.startswith(forbidding):
            right |= value == -torch.inf
        if not right.all():
            raise InputError(f"the tensor {quoted(name)} has numbers that are NaN or infinite")


def digest(sums: Any, tree: Any) -> None:
    """Feed the whole content of a batch to a hashlib object."""
    if isinstance(tree, dict):
        tree = list(tree.items())
    if isinstance(tree, tuple | list):
        sums.update(f"{len(tree)}[".encode())
        for value in tree:
            digest(sums, value)
    elif isinstance(tree, torch.Tensor | np.ndarray):
        array = np.ascontiguousarray(tree)
        sums.update(f"{array.dtype}{array.shape}".encode())
        sums.update(array.data if array.size else b"")
    else:
        sums.update(repr(tree).encode())


def flatten(state: Any) -> tuple[Any, list[torch.Tensor]]:
    """Return a detached state as a structure that JSON can hold, and its tensors in order."""
    leaves: list[torch.Tensor] = []

    def structure(state: Any) -> Any:
        if state is None:
            return None
        if isinstance(state, torch.Tensor):
            leaves.append(state)
            return "tensor"
        if isinstance(state, dict):
            return {"dict": [[key, structure(value)] for key, value in state.items()]}
        return {type(state).__name__: [structure(value) for value in state]}

    return structure(state), leaves


def unflatten(structure: Any, leaves: list[torch.Tensor]) -> Any:
    """Return the state that `flatten` took apart.

    Raises:
        ValueError: `flatten` cannot have returned this.
    """
    remaining = iter(leaves)

    def build(structure: Any) -> Any:
        match structure:
            case None:
                return None
            case "tensor":
                return next(remaining)
            case {"dict": items}:
                return {key: build(value) for key, value in items}
            case {"tuple": items}:
                return tuple(build(value) for value in items)
            case {"list": items}:
                return [build(value) for value in items]
        raise ValueError(f"no structure of a state: {quoted(structure)}")

    built = build(structure)
    if next(remaining, None) is not None:
        raise ValueError("a state has more tensors than its structure")
    return built
