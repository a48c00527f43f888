"""All that changes in a training run, as JSON and arrays, and back to the bit."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from keepgate.training.history import History
from keepgate.training.tree import flatten, unflatten


@dataclass
class Position:
    """Where in the training the loop is, between two updates, and the sums over the epoch so far."""

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
        """Count one update: weight times mean loss, weight, gradient norm, and the time it took."""
        self.update, self.updates = self.update + 1, self.updates + 1
        self.loss, self.weight, self.norm = self.loss + total, self.weight + weight, self.norm + norm
        self.seconds += seconds

    def row(self, valid_loss: float | None) -> dict[str, Any]:
        """The epoch's row of the history."""
        return {
            "epoch": self.epoch + 1,
            "updates": self.update,
            "train_loss": self.loss / self.weight,
            "valid_loss": valid_loss,
            "learning_rate": self.learning_rate,
            "gradient_norm": self.norm / self.updates,
            "seconds": round(self.seconds, 3),
        }


@dataclass
class TrainingState:
    """What a checkpoint holds.

    The order of the examples is a function of seed and epoch, the rate one of the position and the history,
    so neither has a state of its own.
    """

    model: nn.Module
    optimizer: torch.optim.Optimizer
    device: torch.device
    position: Position = field(default_factory=Position)
    history: History = field(default_factory=History)
    best: dict[str, torch.Tensor] = field(default_factory=dict)  # the weights of the best epoch, if one is held out
    carried: Any = None  # the recurrent state that goes on to the next window


def pack_own(state: TrainingState) -> tuple[Any, dict[str, np.ndarray]]:
    """What only this process knows: the structure of its carried state, and its random numbers and tensors."""
    structure, leaves = flatten(state.carried)
    arrays = {f"carried.{i}": _array(leaf) for i, leaf in enumerate(leaves)}
    arrays["random"] = _array(torch.get_rng_state())
    if state.device.type == "cuda":
        arrays["random_cuda"] = _array(torch.cuda.get_rng_state(state.device))
    return structure, arrays


def pack(state: TrainingState, owns: list[Any]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The checkpoint of a state and of what each process told by `pack_own`: a config, and arrays by name.

    A finished run has only its weights and its history.
    """
    history = state.history
    config: dict[str, Any] = {"finished": history.finished, "rows": history.rows}
    arrays = {f"model.{name}": _array(value) for name, value in state.model.state_dict().items()}
    if history.finished:
        return config, arrays
    config |= {"position": asdict(state.position), "carried": [structure for structure, _ in owns]}
    arrays |= {f"best.{name}": _array(value) for name, value in state.best.items()}
    for index, moments in state.optimizer.state_dict()["state"].items():
        arrays |= {f"optimizer.{index}.{name}": _array(value) for name, value in moments.items()}
    for rank, (_, own) in enumerate(owns):
        arrays |= {f"process{rank}.{name}": array for name, array in own.items()}
    return config, arrays


def unpack(state: TrainingState, config: dict[str, Any], saved: dict[str, np.ndarray], rank: int) -> None:
    """Put what `pack` gave back in its place, for the process `rank`."""
    arrays = {name: torch.from_numpy(array) for name, array in saved.items()}
    state.history = History(config["rows"], config["finished"])
    state.model.load_state_dict(_under(arrays, "model."))
    if state.history.finished:
        return
    state.position = Position(**config["position"])
    state.best = _under(arrays, "best.")
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in _under(arrays, "optimizer.").items():
        index, name = name.split(".", 1)
        moments.setdefault(int(index), {})[name] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": moments, "param_groups": groups})
    own = _under(arrays, f"process{rank}.")
    leaves = _under(own, "carried.")
    state.carried = unflatten(config["carried"][rank], [leaves[str(i)].to(state.device) for i in range(len(leaves))])
    torch.set_rng_state(own["random"])
    if "random_cuda" in own:
        torch.cuda.set_rng_state(own["random_cuda"], state.device)


def _under(arrays: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """What stands under a prefix, by the rest of its name."""
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
