"""What test_distributed.py runs on one process and, by torchrun, on two: `python parallel.py FOLDER`.

Truncated back-propagation over mixed lengths, with a last batch of one example, so that the second process has parts
without examples and without windows. Then the same with dropout, whole, and stopped half way and taken up again.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import sys
from pathlib import Path

import torch

from keepgate.errors import InputError
from keepgate.store import write_model
from keepgate.training import Settings, checkpoint, is_first, train
from keepgate.training.distributed import join

spec = importlib.util.spec_from_file_location("problem", Path(__file__).with_name("conftest.py"))
assert spec is not None
assert spec.loader is not None
problem = importlib.util.module_from_spec(spec)
spec.loader.exec_module(problem)

SETTINGS = Settings(
    epochs=3, batch_size=5, window=3, learning_rate=0.02, schedule="plateau", plateau_epochs=1, patience=2,
    checkpoint_seconds=1e-9,
)  # fmt: skip
FULL = dataclasses.replace(SETTINGS, window=None, optimizer="sgd")


class Killed(Exception):
    pass


def stopping(updates: int):
    """The loss, which raises Killed at a later update than this."""
    seen = 0

    def wrapped(model, *arguments):
        nonlocal seen
        seen += model.training
        if seen > updates:
            raise Killed
        return problem.squares(model, *arguments)

    return wrapped


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    if not is_first():
        checkpoint.time.monotonic = lambda: 0.0  # never late; all save when one is late
    data, valid = problem.Sums(16, seed=1), problem.Sums(6, seed=2)
    found: dict[str, object] = {}

    for name, settings in (("truncated", SETTINGS), ("full", FULL)):
        model = problem.network()
        history = train(model, problem.squares, data, valid, settings, run=folder / name)
        found[name] = history.rows
        if is_first():
            write_model(folder / name, {}, {key: value.numpy() for key, value in model.state_dict().items()})

    whole, second = problem.network(dropout=0.3), problem.network(seed=1, dropout=0.3)
    train(whole, problem.squares, data, valid, SETTINGS)
    try:
        train(problem.network(dropout=0.3), stopping(8), data, valid, SETTINGS, run=folder / "stopped")
    except Killed:
        found["stopped"] = True
    train(second, problem.squares, data, valid, SETTINGS, run=folder / "stopped")
    found["same bits"] = problem.weights(whole).tobytes() == problem.weights(second).tobytes()
    try:
        train(second, problem.squares, valid, data, SETTINGS, run=folder / "stopped")
    except InputError as error:  # on every process, else the others would wait for ever
        found["refusal"] = str(error)
    draws: list[float] = []

    def drawing(model, batch):
        draws.append(float(torch.rand(())))
        return problem.squares(model, batch)

    train(second, drawing, data, settings=dataclasses.replace(FULL, epochs=1, schedule="constant", patience=None))
    found["first draws"] = join(torch.device("cpu")).gather(draws[0])
    if is_first():
        print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
