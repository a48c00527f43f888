"""The members of an ensemble: each is trained as a single network would be, from a seed of its own."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from keepgate.errors import InputError
from keepgate.networks import merged, of_member
from keepgate.nn.network import NetworkModule
from keepgate.tasks.common.fitting import Fitting
from keepgate.training import Examples, History

if TYPE_CHECKING:
    from keepgate.tasks.common.estimator import Estimator

__all__ = ["Members", "assemble", "member", "spread"]

SEEDS = 2**32


@dataclasses.dataclass
class Members:
    """What was trained.

    Attributes:
        history: rows of all members, with the number of each, from 1.
        unseen: tensors of each that have not learned what was held out, to calibrate by; none where nothing was.
        last: tensors of each in the end.
        held_out: the held-out part, which is the same for all.
    """

    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    unseen: list[dict[str, Tensor]] = dataclasses.field(default_factory=list)
    last: list[dict[str, Tensor]] = dataclasses.field(default_factory=list)
    held_out: Examples | None = None

    def train(
        self,
        prepared: NetworkModule,
        new: Callable[[int], NetworkModule],
        count: int,
        fit: Fitting,
        choosing: Callable[[Fitting, Callable[[Examples], None]], History],
    ) -> None:
        """Train the members one after the other.

        Args:
            prepared: the first member; what was set in it after it was drawn is the same in all.
            new: returns a network drawn from a seed.
            count: of members.
            fit: how the first one is fitted; minutes are those of all. The others have the seeds that follow, and
                folders of their own in that of the run.
            choosing: trains a network, given how, and what to call when it has weights to calibrate by.
        """
        settings = fit.settings
        drawn = {
            name: value.to(next(prepared.parameters()).device)
            for name, value in new(settings.seed).state_dict().items()
        }
        before = tensors(prepared)
        for k in range(count):
            seed = (settings.seed + k) % SEEDS
            network = copy.deepcopy(prepared)
            network.load_state_dict(_prepared(before, drawn, new(seed).state_dict()))

            def calibrate(held_out: Examples, network: NetworkModule = network) -> None:
                self.held_out = held_out
                self.unseen.append(tensors(network))

            how = dataclasses.replace(
                fit,
                network=network,
                settings=dataclasses.replace(
                    settings, seed=seed, minutes=None if settings.minutes is None else settings.minutes / count
                ),
                run=None if fit.run is None else folder(fit.run, k),
                progress=fit.progress and (f"member {k + 1} of {count}" if count > 1 else fit.progress),
            )
            history = choosing(how, calibrate)
            self.history += [{"member": k + 1, **row} for row in history.rows]
            self.last.append(tensors(network))


def folder(run: str | Path, member: int) -> Path:
    """Return the folder of a member's training: the run's own for the first one."""
    return Path(run) / f"member-{member + 1}" if member else Path(run)


def tensors(network: NetworkModule) -> dict[str, Tensor]:
    """Return a copy of a network's tensors by name."""
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def _prepared(
    before: Mapping[str, Tensor], drawn: Mapping[str, Tensor], new: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return newly drawn tensors with the values of those that were prepared, wherever these were set to something."""
    return {
        name: torch.where(value == drawn[name], new[name].to(value.device), value) for name, value in before.items()
    }


def assemble(network: NetworkModule, members: Sequence[Mapping[str, Tensor]]) -> None:
    """Give an ensemble the tensors of its members; what it has once is the mean of theirs."""
    own = network.state_dict()
    for name, values in merged([*own], members).items():
        alike = all(torch.equal(value, values[0]) for value in values)
        own[name] = own[name] if not values else values[0] if alike else torch.stack(values).mean(0)
    network.load_state_dict(own)
    network.eval()


def member(estimator: Estimator, number: int) -> Any:
    """Return a fitted estimator with a single member, from 0, of that of an ensemble, as it was before calibration.

    Raises:
        InputError: there is no such member.
    """
    estimator.check_fitted()
    count = members_of(estimator)
    if not 0 <= number < count:
        raise InputError(f"there is no member {number}: the model has {count}, from 0 to {count - 1}")
    if count == 1:
        return estimator
    one: Any = copy.copy(estimator)
    one.ensemble = 1
    one.network_ = estimator.build_network().to(next(estimator.network_.parameters()).device)
    theirs = estimator.network_.state_dict()
    one.network_.load_state_dict({name: theirs[of_member(name, number, theirs)] for name in one.network_.state_dict()})
    one.network_.eval()
    one.fix_parameters()
    return one


def members_of(estimator: Any) -> int:
    """Return how many networks an estimator has, or is to have."""
    return int(getattr(estimator, "ensemble", 1))


def spread(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of the mean of single members' scores, and of the standard deviation among them.

    Args:
        rows: each member's scores.
    """
    numbers = [name for name, value in rows[0].items() if isinstance(value, int | float)]
    columns = {name: np.array([row[name] for row in rows], np.float64) for name in numbers}
    found = {"single members: mean": np.mean, "single members: deviation": np.std}
    return [
        {**rows[0], "model": title, **{name: float(of(values)) for name, values in columns.items()}}
        for title, of in found.items()
    ]
