"""A run that stops anywhere goes on to the same bits, and nothing else is taken for it."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.store import read_model, write_model
from keepgate.training import Settings, train

COMMON = {"epochs": 3, "batch_size": 4, "learning_rate": 0.02, "checkpoint_seconds": 0.0, "patience": 2, "warmup": 0.2}
KINDS = {
    "full, adam, cosine": Settings(**COMMON, schedule="cosine"),
    "truncated, adamw, plateau": Settings(**COMMON, optimizer="adamw", schedule="plateau", plateau_epochs=1, window=3),
    "truncated, sgd": Settings(**COMMON, optimizer="sgd", window=4, weight_decay=0.01),
}


class Killed(Exception):
    pass


def stopping(loss, after: int):
    """The loss, which raises Killed when it is called for the `after`-th time."""
    calls = 0

    def wrapped(*arguments):
        nonlocal calls
        calls += 1
        if calls > after:
            raise Killed
        return loss(*arguments)

    return wrapped


def stable(history) -> list[dict]:
    return [{key: value for key, value in row.items() if key != "seconds"} for row in history.rows]


@pytest.fixture(autouse=True)
def in_memory(monkeypatch) -> None:
    """Nothing waits for the disk: a process that goes on living cannot lose what it wrote."""
    monkeypatch.setattr("os.fsync", lambda handle: None)


@pytest.fixture(params=KINDS, ids=lambda name: name.replace(", ", "-"))
def settings(request) -> Settings:
    return KINDS[request.param]


def test_stopped_at_any_call_of_the_loss_it_goes_on_to_the_same_bits(problem, settings, tmp_path: Path):
    data, valid = problem.Sums(7, seed=1), problem.Sums(3, seed=2)
    whole = problem.network(dropout=0.3)
    history = train(whole, problem.squares, data, valid, settings)

    for calls in range(1000):  # once there is a checkpoint, the second process may begin with other weights
        run = tmp_path / str(calls)
        first, second = problem.network(dropout=0.3), problem.network(seed=min(calls, 1), dropout=0.3)
        try:
            train(first, stopping(problem.squares, calls), data, valid, settings, run=run)
        except Killed:
            again = train(second, problem.squares, data, valid, settings, run=run)
        else:
            break
        assert problem.weights(second).tobytes() == problem.weights(whole).tobytes()
        assert stable(again) == stable(history)
        assert [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()] == again.rows
    assert calls >= 3 * (2 + 1)


def test_a_finished_run_gives_its_result_at_once(problem, settings, tmp_path: Path):
    data, valid = problem.Sums(10, seed=1), problem.Sums(5, seed=2)
    model, again = problem.network(), problem.network(seed=1)
    history = train(model, problem.squares, data, valid, settings, run=tmp_path)
    (tmp_path / "metrics.jsonl").write_text('{"epoch": 1, "updates"')  # as a full disk may leave it
    assert train(again, stopping(problem.squares, 0), data, valid, settings, run=tmp_path) == history
    assert problem.weights(again).tobytes() == problem.weights(model).tobytes()
    assert not again.training
    assert (tmp_path / "metrics.jsonl").read_text() == history.text()


def started(problem, run: Path, settings: Settings, **options) -> None:
    """A run that stopped in its second epoch."""
    with pytest.raises(Killed):
        train(problem.network(**options), stopping(problem.squares, 7), problem.Sums(10, 1), None, settings, run=run)


def test_inside_an_epoch_checkpoints_keep_their_distance(problem, monkeypatch, tmp_path: Path):
    written = []
    monkeypatch.setattr("keepgate.training.checkpoint.write_model", lambda *_, **__: written.append(now))
    now = 0.0
    monkeypatch.setattr("keepgate.training.checkpoint.time.monotonic", lambda: now)

    def loss(model, batch):
        nonlocal now
        now += 1.0  # a second for each of the 10 updates of an epoch
        return problem.squares(model, batch)

    settings = Settings(epochs=2, batch_size=1, checkpoint_seconds=3.0)
    train(problem.network(), loss, problem.Sums(10, seed=1), settings=settings, run=tmp_path)
    assert written == [3.0, 6.0, 9.0, 10.0, 13.0, 16.0, 19.0, 20.0]


def test_rows_that_the_checkpoint_does_not_know_are_taken_back(problem, tmp_path: Path):
    settings = Settings(epochs=2, batch_size=4, checkpoint_seconds=0.0)
    whole = train(problem.network(), problem.squares, problem.Sums(10, 1), None, settings)
    with pytest.raises(Killed):
        train(problem.network(), stopping(problem.squares, 4), problem.Sums(10, 1), None, settings, run=tmp_path)
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 2, "updates": 6}\n{"epo')
    history = train(problem.network(), problem.squares, problem.Sums(10, 1), None, settings, run=tmp_path)
    assert stable(history) == stable(whole)
    assert (tmp_path / "metrics.jsonl").read_text() == history.text()


def test_other_settings_data_or_model_are_refused(problem, tmp_path: Path):
    settings = Settings(epochs=3, batch_size=4, checkpoint_seconds=0.0)
    started(problem, tmp_path, settings)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    data, model = problem.Sums(10, 1), problem.network()

    def refusal(model=model, data=data, valid=None, settings=settings) -> str:
        with pytest.raises(InputError) as caught:
            train(model, problem.squares, data, valid, settings, run=tmp_path)
        return str(caught.value)

    other = dataclasses.replace(settings, learning_rate=0.5, batch_size=5)
    assert refusal(settings=other) == (
        f"{tmp_path} holds a run with batch_size=4 instead of 5, learning_rate=0.001 instead of 0.5: "
        "go on with what it had, or take another folder"
    )
    assert "a run with another training data:" in refusal(data=problem.Sums(10, 3))
    assert "a run with another training data:" in refusal(data=problem.Sums(11, 1))
    assert "a run with another held-out data:" in refusal(valid=problem.Sums(5, 2))
    assert "a run with another model:" in refusal(model=problem.network(dropout=0.1))
    assert "a run with another model:" in refusal(model=problem.network().float())
    frozen = problem.network()
    frozen.recurrent.requires_grad_(False)
    assert "a run with another model:" in refusal(model=frozen)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    later = dataclasses.replace(settings, checkpoint_seconds=60.0)  # does not change the result
    assert len(train(model, problem.squares, data, None, later, run=tmp_path).rows) == 3


def test_a_damaged_checkpoint_is_refused(problem, tmp_path: Path):
    settings = Settings(epochs=3, batch_size=4, checkpoint_seconds=0.0)
    started(problem, tmp_path, settings)
    path = tmp_path / "checkpoint" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"model\.safetensors was cut short"):
        train(problem.network(), problem.squares, problem.Sums(10, 1), None, settings, run=tmp_path)


def test_a_first_checkpoint_that_was_killed_half_way_is_none(problem, tmp_path: Path):
    settings = Settings(epochs=1, batch_size=4)
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "config.json.next").write_text("{}")
    (tmp_path / "checkpoint" / ".model.safetensors.tmp").write_bytes(b"12")
    model, plain = problem.network(), problem.network()
    train(model, problem.squares, problem.Sums(10, 1), None, settings, run=tmp_path)
    train(plain, problem.squares, problem.Sums(10, 1), None, settings)
    assert problem.weights(model).tobytes() == problem.weights(plain).tobytes()


@pytest.mark.slow
def test_killed_ten_times_at_random_moments(tmp_path: Path):
    script = Path(__file__).with_name("killed.py")
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kills"] == 10
    assert told["killed while unfinished"] == 10
    assert told["same weights"] is True
    assert told["same history"] is True


def set_in(*path):
    def change(config, tensors, value):
        for key in path[:-1]:
            config = config[key]
        config[path[-1]] = value

    return change


def drop(config, tensors, name):
    del (config if name in config else tensors)[name]


def put(config, tensors, items):
    tensors |= items


@pytest.mark.parametrize(
    ("change", "value", "message"),
    [
        (drop, "run", "KeyError: 'run'"),
        (drop, "rows", "lacks 'rows'"),
        (drop, "position", "lacks 'position'"),
        (drop, "process0.random", "the tensor 'random' is missing"),
        (drop, "process0.carried.0", "what process 0 carries on is not whole"),
        (drop, "model.output.bias", "the tensor 'output.bias' is missing"),
        (put, {"optimizer.x": np.zeros(3)}, "the tensor 'x' is none that is needed"),
        (put, {"optimizer.0.step": np.zeros(3)}, "the tensor '0.step' is none that is needed"),
        (put, {"optimizer.0.momentum_buffer": np.zeros(3)}, "the tensor '0.momentum_buffer' is [3] of torch.float64"),
        (put, {"model.output.bias": np.zeros(3)}, "the tensor 'output.bias' is [3] of torch.float64, not [1]"),
        (put, {"model.output.bias": np.full(1, np.nan)}, "the tensor 'output.bias' has numbers that are NaN"),
        (put, {"best.output.bias": np.zeros(1)}, "is missing"),
        (put, {"process0.random": np.zeros(5056, np.uint8)}, "RuntimeError"),
        (put, {"process0.carried.0": np.zeros((1, 1, 1))}, "size"),
        (set_in("position"), "text", "position='text' is not of type dict"),
        (set_in("position", "epoch"), 7, "position.epoch=7 does not follow 0 rows"),
        (set_in("position", "updates"), 0, "position is within an epoch, but after no update"),
        (set_in("position", "batch"), -1, "position.batch=-1 is not at least 0"),
        (set_in("finished"), 1, "finished=1 is not of type bool"),
        (set_in("rows"), [{}], "rows[0] lacks"),
        (set_in("carried"), [], "the number of values of carried=0"),
        (set_in("carried"), ["tensor"], "a state has more tensors than its structure"),
        (set_in("carried"), [{"tuple": ["tensor", "tensor", "tensor"]}], "Stop"),
        (set_in("carried"), [{"list": [{"dict": [["a", "tensor"], ["b", "tensor"]]}]}], "state"),
        (set_in("run"), [], "run=[] is not of type dict"),
    ],
)
def test_a_checkpoint_that_cannot_be_is_refused_and_none_of_it_is_taken_up(problem, tmp_path, change, value, message):
    data, settings = problem.Sums(7, seed=1), KINDS["truncated, sgd"]
    settings = dataclasses.replace(settings, patience=None)
    with pytest.raises(Killed):
        train(problem.network(), stopping(problem.squares, 1), data, None, settings, run=tmp_path)
    config, tensors = read_model(tmp_path / "checkpoint", kind="checkpoint")
    assert config["carried"] != [None]
    change(config, tensors, value)
    write_model(tmp_path / "checkpoint", config, tensors, kind="checkpoint")
    model = problem.network(seed=5)
    before = problem.weights(model).tobytes()
    with pytest.raises(InputError) as caught:
        train(model, problem.squares, data, None, settings, run=tmp_path)
    said = str(caught.value)
    assert said.startswith(f"{tmp_path}/checkpoint is no training to go on with: ")
    assert said.endswith("; remove that folder to start again")
    assert message in said
    if message not in ("size", "state"):  # these show when the state is used, and blame the checkpoint then
        assert problem.weights(model).tobytes() == before
