"""An ensemble as one network: its members side by side, and their answers averaged.

The member number k has its steps, and so its tensors, below `member.k`; the average has the name of what is averaged,
so all that follows is as it is in a single network. Hansen & Salamon 1990, "Neural Network Ensembles".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from keepgate.errors import InputError
from keepgate.networks.block import FLOAT, Block, Parameter, Value, option
from keepgate.networks.network import Network, Step

__all__ = ["Average", "ensemble", "merged", "of_member"]

T = TypeVar("T")


@dataclass(frozen=True)
class Average(Block):
    """The mean of values of one shape, times `scale`.

    `probabilities`: the values are scores, and what is averaged are the probabilities that their softmax gives; the
    result is their logarithm, which is a score again.
    """

    sources = ("x", "*others")

    probabilities: bool = option("true or false", False)

    def parameters(self) -> dict[str, Parameter]:
        """Return `scale`, a number."""
        return {"scale": Parameter((1,))}

    def results(self, *sources: Value | None) -> dict[str, Value]:
        """Return the shape of each.

        Raises:
            InputError: the sources have different shapes, or are no values in the dtype of the weights.
        """
        first, *others = sources
        if first is None or first.dtype != FLOAT or any(other != first for other in others):
            raise InputError(f"expected {FLOAT} values of one shape, got {', '.join(map(str, sources))}")
        return {"": first}


def ensemble(network: Network, count: int, averages: Mapping[str, Average], shared: Sequence[str] = ()) -> Network:
    """Return the network of `count` members.

    What no learned step precedes is there once, for all members, as are the steps after the averages. Inputs that may
    be left out are states, of which each member has its own.

    Args:
        network: of one member.
        count: of members.
        averages: by the name of a step's first result, the block that averages it.
        shared: steps that were learned elsewhere, and are the same in all members, or what their names begin with.
    """
    own = _own(network, averages, shared)
    states = {entry.name for entry in network.inputs if entry.optional}
    inputs = [entry for entry in network.inputs if not entry.optional]
    inputs += [replace(e, name=_named(k, e.name)) for k in range(count) for e in network.inputs if e.optional]
    values = {name for step in network.steps if step.name in own for name in network.results(step)} | states
    steps = []
    for step in network.steps:
        if step.name not in own:
            steps.append(step)
            continue
        for k in range(count):
            sources = tuple(_named(k, name) if name in values else name for name in step.sources)
            prefix = step.prefix and _named(k, step.prefix)
            steps.append(replace(step, name=_named(k, step.name), sources=sources, prefix=prefix))
        if step.name in averages:
            answers = tuple(_named(k, step.name) for k in range(count))
            steps.append(Step(step.name, averages[step.name], answers))
    return Network(tuple(inputs), tuple(steps), network.outputs)


def of_member(name: str, member: int, names: Mapping[str, object]) -> str:
    """Return what a tensor of a single network is called in an ensemble with these names: the member's, or all's."""
    own = _named(member, name)
    return own if own in names else name


def merged(names: Sequence[str], members: Sequence[Mapping[str, T]]) -> dict[str, list[T]]:
    """Return for each tensor of an ensemble those that it is made from: one member's, all members', or none.

    Args:
        names: of the ensemble's tensors.
        members: tensors of each by name.
    """
    sources = {}
    for name in names:
        own = [part[name.removeprefix(_named(k, ""))] for k, part in enumerate(members) if _is_of(name, k)]
        sources[name] = own or [part[name] for part in members if name in part]
    return sources


def _own(network: Network, averages: Mapping[str, Average], shared: Sequence[str]) -> set[str]:
    """Return the names of the steps that each member has for itself."""
    own: set[str] = set()
    learned = {entry.name for entry in network.inputs if entry.optional}
    before = {step.name for step in network.between(_inputs(network), averages)}
    elsewhere = tuple(f"{name}." for name in shared)
    for step in network.steps:
        fixed = f"{step.name}.".startswith(elsewhere) or not _learns(step.block)
        if step.name in before and not (fixed and learned.isdisjoint(step.sources)):
            own.add(step.name)
            learned.update(network.results(step))
    return own


def _inputs(network: Network) -> list[str]:
    return [entry.name for entry in network.inputs]


def _learns(block: Block) -> bool:
    return any(parameter.dtype == FLOAT for parameter in block.parameters().values())


def _named(member: int, name: str) -> str:
    return f"member.{member}.{name}"


def _is_of(name: str, member: int) -> bool:
    return name.startswith(_named(member, ""))
