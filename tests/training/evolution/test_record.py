"""A search that is killed anywhere goes on to the same bits, and no other is taken for it."""

from __future__ import annotations

import json
import random
import signal
import time

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.store import read_model
from keepgate.training.evolution import SNES, CoSyNE, evolve
from training.evolution import searches
from training.evolution.searches import run, start

SCRIPT = searches.__file__


class Killed(Exception):
    pass


def sphere(population, generation):
    return -np.square(population - 1).sum(1)


def stable(rows):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


@pytest.mark.parametrize("kind", [SNES, CoSyNE])
def test_stopped_after_any_generation_it_goes_on_to_the_same_bits(kind, tmp_path):
    whole = evolve(kind(np.zeros(5)), sphere, 8)
    for stop in range(1, 8):

        def stopping(row, search, stop=stop):
            if row["generation"] == stop:
                raise Killed

        run = tmp_path / str(stop)
        with pytest.raises(Killed):
            evolve(kind(np.zeros(5)), sphere, 8, run=run, callbacks=[stopping], checkpoint_seconds=0.0)
        again = evolve(kind(np.zeros(5)), sphere, 8, run=run)
        assert again.best.tobytes() == whole.best.tobytes()
        assert stable(again.rows) == stable(whole.rows)
        assert [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()] == again.rows


def test_more_generations_go_on_and_a_finished_search_is_given_at_once(tmp_path):
    whole = evolve(SNES(np.zeros(5)), sphere, 9)
    evolve(SNES(np.zeros(5)), sphere, 4, run=tmp_path)
    more = evolve(SNES(np.zeros(5)), sphere, 9, run=tmp_path)
    assert more.center.tobytes() == whole.center.tobytes()
    again = evolve(SNES(np.zeros(5)), lambda p, g: pytest.fail("nothing is left to do"), 9, run=tmp_path)
    assert again.center.tobytes() == whole.center.tobytes()
    assert again.rows == more.rows


def test_another_search_is_not_taken_for_it(tmp_path):
    evolve(SNES(np.zeros(5)), sphere, 2, run=tmp_path)
    with pytest.raises(InputError) as caught:
        evolve(SNES(np.zeros(5), seed=3, spread=0.1), sphere, 2, run=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds a search with spread=0.5 instead of 0.1, seed=0 instead of 3: go on with what it had, or "
        "take another folder"
    )


def test_a_damaged_checkpoint_is_named(tmp_path):
    evolve(SNES(np.zeros(5)), sphere, 2, run=tmp_path)
    (tmp_path / "checkpoint" / "model.safetensors").write_bytes(b"x")
    with pytest.raises(
        InputError, match=r"checkpoint is no search to go on with: .*; remove that folder to start again"
    ):
        evolve(SNES(np.zeros(5)), sphere, 2, run=tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SNES", "CMAES"])
def test_killed_at_random_moments_it_goes_on_to_the_same_bits(name, tmp_path):
    run(SCRIPT, tmp_path / "whole", name)
    moments, killed = random.Random(), 0
    checkpoint = tmp_path / "killed" / "run" / "checkpoint" / "config.json"
    for _ in range(20):
        child = start(SCRIPT, tmp_path / "killed", name)
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while child.poll() is None and (checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0) == before:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.05))
        if child.poll() is not None:
            break
        child.send_signal(signal.SIGKILL)
        child.wait()
        killed += 1
    assert killed > 0
    run(SCRIPT, tmp_path / "killed", name)
    whole, again = read_model(tmp_path / "whole" / "found"), read_model(tmp_path / "killed" / "found")
    assert whole[0] == again[0]
    assert all(whole[1][key].tobytes() == again[1][key].tobytes() for key in whole[1] | again[1])
