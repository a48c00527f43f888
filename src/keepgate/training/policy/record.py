"""The folder of a policy's training: `metrics.jsonl`, and `checkpoint/`, from which a killed one goes on."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from keepgate import schema
from keepgate.errors import InputError, checkpoint_blamed, quoted
from keepgate.store import has_model, read_model, write_atomic, write_model
from keepgate.training.tree import check_alike, check_finite

__all__ = ["Record"]

COUNTS = ("update", "part", "look", "steps")
COUNT = schema.whole(0, 2**53)
CHECKPOINT = schema.record(
    **dict.fromkeys(COUNTS, COUNT),
    seconds=schema.number(0),
    finished=schema.boolean,
    moments=COUNT,
    rows=schema.several(lambda name, value: None),
    scores=schema.several(schema.number()),
)
ADAM = ("step", "exp_avg", "exp_avg_sq")


class Record:
    """Reads and writes the folder.

    Args:
        run: the folder, or None: nothing is written.
        plan: of the training.
        about: what has to be the same besides, for it to go on.
        network: the policy.
        optimizer: of its parameters.
        state: all else that changes.
    """

    def __init__(
        self, run: str | Path | None, plan: Any, about: dict[str, Any], network: nn.Module, optimizer: Any, state: Any
    ) -> None:
        self.run = None if run is None else Path(run)
        planned = {name: value for name, value in asdict(plan).items() if name != "weights"}
        self.about = json.loads(json.dumps({**planned, "weights": list(plan.weights), **about}))
        self.network, self.optimizer, self.state = network, optimizer, state

    def save(self) -> None:
        """Replace the checkpoint and `metrics.jsonl`."""
        if self.run is None:
            return
        state = self.state
        config = {name: getattr(state, name) for name in (*COUNTS, "seconds", "finished", "rows")}
        config |= {"moments": state.moments.count, "scores": [score for score, _ in state.finalists]}
        arrays = {f"model.{name}": _array(value) for name, value in self.network.state_dict().items()}
        arrays |= {"moments.mean": state.moments.mean, "moments.variance": state.moments.variance}
        arrays |= {f"average.{name}": _array(value) for name, value in state.average.items()}
        for k, (_, weights) in enumerate(state.finalists):
            arrays |= {f"finalist{k}.{name}": _array(value) for name, value in weights.items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            arrays |= {f"optimizer.{index}.{name}": _array(value) for name, value in moments.items()}
        write_model(self.run / "checkpoint", {"policy": self.about, **config}, arrays, kind="checkpoint")
        self._write_rows()

    def load(self) -> None:
        """Go on from the checkpoint, if there is one.

        Raises:
            InputError: it is another training's, or damaged.
        """
        if self.run is None or not has_model(self.run / "checkpoint"):
            return
        with checkpoint_blamed(f"{self.run}/checkpoint", "training"):
            config, arrays = read_model(self.run / "checkpoint", kind="checkpoint")
            then = config.pop("policy", None)
            CHECKPOINT("", config)
            if not isinstance(then, dict):
                raise InputError("it is no policy's")
        names = [name for name, now in self.about.items() if then.get(name) != now]
        if names:
            other = ", ".join(f"{name}={quoted(then.get(name))} instead of {self.about[name]!r}" for name in names)
            raise InputError(
                f"{self.run} holds a training with {other}: go on with what it had, or take another folder"
            )
        with checkpoint_blamed(f"{self.run}/checkpoint", "training"):
            self._restore(config, {name: torch.from_numpy(array) for name, array in arrays.items()})
        self._write_rows()

    def _restore(self, config: dict[str, Any], arrays: dict[str, Tensor]) -> None:
        state, weights = self.state, self.network.state_dict()
        models = {"model": _under(arrays, "model.")}
        models |= {f"finalist{k}": _under(arrays, f"finalist{k}.") for k in range(len(config["scores"]))}
        if average := _under(arrays, "average."):
            models["average"] = average
        for values in models.values():
            check_alike(weights, values)
            check_finite(values)
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        wanted = {
            f"{i}.{name}": torch.zeros(()) if name == "step" else p for i, p in enumerate(parameters) for name in ADAM
        }
        moments = _under(arrays, "optimizer.")
        check_alike(wanted if config["update"] else {}, moments)
        check_finite(moments)
        size = torch.from_numpy(state.moments.mean)
        inputs = _under(arrays, "moments.")
        check_alike({"mean": size, "variance": size}, inputs)
        check_finite(inputs)
        by_parameter: dict[int, dict[str, Tensor]] = {}
        for key, value in moments.items():
            index, name = key.split(".")
            by_parameter.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": by_parameter, "param_groups": groups})
        self.network.load_state_dict(models["model"])
        state.moments.count = config["moments"]
        state.moments.mean, state.moments.variance = inputs["mean"].numpy().copy(), inputs["variance"].numpy().copy()
        state.average = average
        state.finalists = [(score, models[f"finalist{k}"]) for k, score in enumerate(config["scores"])]
        for name in (*COUNTS, "seconds", "finished", "rows"):
            setattr(state, name, config[name])

    def _write_rows(self) -> None:
        assert self.run is not None
        text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in self.state.rows)
        write_atomic(self.run / "metrics.jsonl", text.encode())


def _under(arrays: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()
