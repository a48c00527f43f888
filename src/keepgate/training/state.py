"""All that changes in a training run, as JSON and arrays, and back to the bit."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from keepgate import schema
from keepgate.errors import InputError, quoted
from keepgate.training.history import ROWS, History
from keepgate.training.tree import check_alike, check_finite, flatten, unflatten

__all__ = ["Position", "TrainingState", "anything", "pack", "pack_own", "unpack"]

COUNT, AMOUNT = schema.whole(0, 2**53), schema.number(0)
POSITION = schema.record(
    **dict.fromkeys(("epoch", "batch", "window", "update", "updates"), COUNT),
    **dict.fromkeys(("weight", "norm", "learning_rate", "seconds"), AMOUNT),
    loss=schema.number(),
)
MOST_PROCESSES = 2**20
MOMENTS = {"SGD": ("momentum_buffer",)}  # state of each parameter, of optimizers other than Adam
ADAM = ("step", "exp_avg", "exp_avg_sq")
NOT_NEGATIVE = (".step", ".exp_avg_sq")


@dataclass
class Position:
    """The position of the training loop between two updates, and the sums over the epoch so far."""

    epoch: int = 0
    batch: int = 0
    window: int = 0
    update: int = 0  # since the start of the training
    updates: int = 0  # in this epoch
    loss: float = 0.0  # weight times mean loss
    weight: float = 0.0
    norm: float = 0.0
    learning_rate: float = 0.0  # of the last update
    seconds: float = 0.0

    def add(self, total: float, weight: float, norm: float, seconds: float) -> None:
        """Count one update.

        Args:
            total: its weight times its mean loss.
            weight: of the update.
            norm: of its gradient.
            seconds: that it took.
        """
        self.update, self.updates = self.update + 1, self.updates + 1
        self.loss, self.weight, self.norm = self.loss + total, self.weight + weight, self.norm + norm
        self.seconds += seconds

    def row(self, valid_loss: float | None, valid_score: float | None = None) -> dict[str, Any]:
        """Return the epoch's row of the history."""
        score = {} if valid_score is None else {"valid_score": valid_score}
        return {
            "epoch": self.epoch + 1,
            "updates": self.update,
            "train_loss": self.loss / self.weight,
            "valid_loss": valid_loss,
            **score,
            "learning_rate": self.learning_rate,
            "gradient_norm": self.norm / self.updates,
            "seconds": round(self.seconds, 3),
        }


@dataclass
class TrainingState:
    """The content of a checkpoint.

    The order of the examples is a function of seed and epoch, and the rate one of the position and the history, so
    neither has a state of its own.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    device: torch.device
    position: Position = field(default_factory=Position)
    history: History = field(default_factory=History)
    best: dict[str, torch.Tensor] = field(default_factory=dict)  # the weights of the best epoch, if there is a choice
    average: dict[str, torch.Tensor] = field(default_factory=dict)  # of the weights over the updates, if asked for
    carried: Any = None  # the recurrent state that goes on to the next window


def pack_own(state: TrainingState) -> tuple[Any, dict[str, np.ndarray]]:
    """Return what only this process knows: the structure of its carried state, and its random numbers and tensors."""
    structure, leaves = flatten(state.carried)
    arrays = {f"carried.{i}": _array(leaf) for i, leaf in enumerate(leaves)}
    arrays["random"] = _array(torch.get_rng_state())
    if state.device.type == "cuda":
        arrays["random_cuda"] = _array(torch.cuda.get_rng_state(state.device))
    return structure, arrays


def pack(state: TrainingState, processes: list[Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the checkpoint of a state: a config, and arrays by name.

    A finished run has only its weights and its history.

    Args:
        state: of this process.
        processes: what `pack_own` returned on each.
    """
    history = state.history
    config: dict[str, Any] = {"finished": history.finished, "rows": history.rows}
    arrays = {f"model.{name}": _array(value) for name, value in state.model.state_dict().items()}
    if history.finished:
        return config, arrays
    config |= {"position": asdict(state.position), "carried": [structure for structure, _ in processes]}
    for kind, values in (("best", state.best), ("average", state.average)):
        arrays |= {f"{kind}.{name}": _array(value) for name, value in values.items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        arrays |= {f"optimizer.{index}.{name}": _array(value) for name, value in moments.items()}
    for rank, (_, process_arrays) in enumerate(processes):
        arrays |= {f"process{rank}.{name}": array for name, array in process_arrays.items()}
    return config, arrays


def unpack(state: TrainingState, config: dict[str, Any], saved: dict[str, np.ndarray], rank: int) -> None:
    """Restore what `pack` returned; all of it or, if it raises, nothing.

    Args:
        state: to change.
        config: of `pack`.
        saved: the arrays of `pack`.
        rank: of this process.

    Raises:
        InputError: `pack` cannot have returned this for this model and optimizer.
    """
    arrays = {name: torch.from_numpy(array) for name, array in saved.items()}
    weights = state.model.state_dict()
    schema.boolean("finished", finished := config.get("finished"))
    progress = {} if finished else {"position": POSITION, "carried": schema.several(anything, 1, MOST_PROCESSES)}
    schema.record(finished=schema.boolean, rows=ROWS, **progress)("", config)
    check_alike(weights, model_weights := _under(arrays, "model."))
    check_finite(model_weights)
    history = History(config["rows"], config["finished"])
    if finished and not history.rows:
        raise InputError("a training that is finished has no row")
    if not finished:
        position = _position(config["position"], history)
        best, average = _under(arrays, "best."), _under(arrays, "average.")
        for values in filter(None, (best, average)):
            check_alike(weights, values)
            check_finite(values)
        moments = _moments(state.optimizer, _under(arrays, "optimizer."))
        mine = _under(arrays, f"process{rank}.")
        carried = _carried(config["carried"], rank, _under(mine, "carried."), state.device)
        random = _random(mine, "random", torch.device("cpu"))
        random_cuda = _random(mine, "random_cuda", state.device) if "random_cuda" in mine else None
        state.position, state.best, state.average, state.carried = position, best, average, carried
        groups = state.optimizer.state_dict()["param_groups"]
        state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        torch.set_rng_state(random)
        if random_cuda is not None:
            torch.cuda.set_rng_state(random_cuda, state.device)
    state.history = history
    state.model.load_state_dict(model_weights)


def anything(name: str, value: Any) -> None:
    """Accept what is checked elsewhere."""


def _position(values: dict[str, Any], history: History) -> Position:
    """Return where the loop was: in the epoch after those that have a row, at its beginning or after an update."""
    position = Position(**values)
    if position.epoch != len(history.rows):
        raise InputError(f"position.epoch={position.epoch} does not follow {len(history.rows)} rows")
    beginning = Position(epoch=position.epoch, update=position.update)
    if position != beginning and not (position.updates and position.weight):
        raise InputError("position is within an epoch, but after no update")
    return position


def _moments(optimizer: torch.optim.Optimizer, arrays: dict[str, torch.Tensor]) -> dict[int, dict[str, torch.Tensor]]:
    """Return the state of the optimizer for each parameter, by its number."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    names = MOMENTS.get(type(optimizer).__name__, ADAM)
    kinds = {
        f"{index}.{name}": torch.zeros(()) if name == "step" else parameter
        for index, parameter in enumerate(parameters)
        for name in names
        if f"{index}.{names[0]}" in arrays
    }
    check_alike(kinds, arrays)
    check_finite(arrays)
    for key, value in arrays.items():
        if key.endswith(NOT_NEGATIVE) and (value < 0).any():
            raise InputError(f"the tensor {quoted(key)} has numbers below 0")
    by_parameter: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in arrays.items():
        index, name = key.split(".")
        by_parameter.setdefault(int(index), {})[name] = value
    return by_parameter


def _carried(structures: list[Any], rank: int, arrays: dict[str, torch.Tensor], device: torch.device) -> Any:
    if rank >= len(structures) or sorted(arrays) != sorted(str(i) for i in range(len(arrays))):
        raise InputError(f"what process {rank} carries on is not whole")
    return unflatten(structures[rank], [arrays[str(i)].to(device) for i in range(len(arrays))])


def _random(arrays: dict[str, torch.Tensor], name: str, device: torch.device) -> torch.Tensor:
    """Return the state of a generator, checked by a generator of that device."""
    if name not in arrays:
        raise InputError(f"the tensor {quoted(name)} is missing")
    torch.Generator(device).set_state(arrays[name])
    return arrays[name]


def _under(arrays: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the arrays with a prefix, by the rest of their names."""
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
