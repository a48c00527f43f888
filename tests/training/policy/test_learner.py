"""A whole training: what it finds, what is kept, starts that are kept apart, and a resumed one to the bit."""

import numpy as np
import pytest
import torch

from control_rooms import Bit, Faulty, rows_of
from keepgate.errors import InputError
from keepgate.training.policy import learner as module
from keepgate.training.policy.learner import Learner, Plan, seeds_for
from keepgate.training.policy.update import METHODS, Weights
from keepgate.training.progress import Lines
from training.policy.policies import policy

PLAN = {
    "method": "ppo",
    "steps": 400,
    "minutes": None,
    "rows": 4,
    "window": 10,
    "passes": 2,
    "batch": 2,
    "discount": 0.9,
    "trace": 0.9,
    "weights": Weights(0.2, 0.5, 0.01),
    "learning_rate": 0.01,
    "clip_norm": 0.5,
    "average": None,
    "episodes": 20,
    "longest": 50,
    "sampled": False,
    "target": None,
    "seed": 0,
}


def learner_of(run=None, make=Bit, callbacks=(), previous=False, **changes):
    rows = rows_of(make, 1)
    network, inputs = policy(rows, previous=previous)
    with torch.no_grad():
        network.get_parameter("policy.weight").mul_(0.01)
    measured = inputs.measured(rows.measured)
    shown = Lines(100, None)
    make_rows = lambda count: rows_of(make, count)  # noqa: E731
    return Learner(network, make_rows, inputs, measured, Plan(**{**PLAN, **changes}), {}, run, callbacks, shown)


def weights(learner):
    return torch.cat([value.flatten().double() for value in learner.network.state_dict().values()])


@pytest.mark.parametrize("method", METHODS)
def test_the_bit_of_this_episode_is_learned(method):
    """With a reset one step off no policy gets beyond what it can guess."""
    steps, rate = (12_000, 0.01) if method == "ppo" else (60_000, 0.02)
    learner = learner_of(steps=steps, rows=16, passes=4, batch=16, method=method, learning_rate=rate)
    rows = learner.learn()
    assert max(row["evaluated"] for row in rows) == 1.0
    fresh = learner._episodes(rows_of(Bit, 20), module.FRESH, 0)
    assert fresh.returns.mean() == 1.0


def test_the_same_seed_gives_the_same_policy_and_another_another():
    one, two, other = learner_of(), learner_of(), learner_of(seed=1)
    for learner in (one, two, other):
        learner.learn()
    assert torch.equal(weights(one), weights(two))
    assert not torch.equal(weights(one), weights(other))


@pytest.mark.parametrize("average", [None, 0.9])
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(average, tmp_path):
    whole = learner_of(tmp_path / "whole", average=average)
    whole.learn()

    class Stop(Exception):
        pass

    def stop(row, network):
        if row["updates"] == 7:
            raise Stop

    stopped = learner_of(tmp_path / "stopped", callbacks=[stop], average=average)
    with pytest.raises(Stop):
        stopped.learn()
    again = learner_of(tmp_path / "stopped", average=average)
    rows = again.learn()
    assert again.state.part == 10
    assert torch.equal(weights(again), weights(whole))
    without = [{name: value for name, value in row.items() if name != "seconds"} for row in rows]
    assert without == [{n: v for n, v in row.items() if n != "seconds"} for row in whole.state.rows]
    assert (tmp_path / "stopped" / "metrics.jsonl").read_text().count("\n") == len(rows)
    finished = learner_of(tmp_path / "stopped", average=average)
    finished.learn()  # nothing is left to do
    assert torch.equal(weights(finished), weights(whole))


def test_another_training_in_the_folder_is_refused(tmp_path):
    learner_of(tmp_path).learn()
    with pytest.raises(InputError, match=r"holds a training with discount=0.9 instead of 0.5: go on with what it had"):
        learner_of(tmp_path, discount=0.5).learn()


def test_a_fault_of_the_environment_leaves_what_was_learned_before(tmp_path):
    learner = learner_of(tmp_path, make=lambda: Faulty("raises"), rows=1, window=4, batch=1, episodes=1, longest=1)
    with pytest.raises(InputError, match="environment 'room' raised RuntimeError after 29 steps: the motor is hot"):
        learner.learn()
    assert (tmp_path / "checkpoint" / "config.json").exists() == (learner.state.part > 0)


def test_what_starts_are_for_keeps_them_apart():
    purposes = (module.TRAINED, module.CHOSEN, module.CONFIRMED, module.COMPARED, module.FRESH)
    seeds = [seeds_for(0, purpose, number, 100).tolist() for purpose in purposes for number in range(5)]
    found = [seed for part in seeds for seed in part]
    assert len(set(found)) == len(found)


def test_a_target_ends_the_training_once_it_is_confirmed():
    learner = learner_of(steps=40_000, rows=16, passes=4, batch=16, target=1.0)
    rows = learner.learn()
    assert rows[-1]["evaluated_least"] == 1.0
    assert rows[-1]["steps"] < 30_000
    assert learner.state.finished


def test_evaluated_weights_are_kept_and_not_the_last_ones(monkeypatch):
    """The policy of the second evaluation is said to be the best; afterwards the network has its weights."""
    kept = []

    def evaluated(self, starts, purpose, number):
        found = real(self, starts, purpose, number)
        if purpose == module.CHOSEN:
            kept.append(weights(self))
        at = next(k for k, one in enumerate(kept) if torch.equal(one, weights(self)))
        found.returns[:] = 5.0 if at == 1 else 1.0
        return found

    real = Learner._episodes
    monkeypatch.setattr(Learner, "_episodes", evaluated)
    learner = learner_of()
    learner.learn()
    assert len(kept) == 10
    assert torch.equal(weights(learner), kept[1])


def test_rows_say_how_it_went():
    learner = learner_of()
    row = learner.learn()[-1]
    names = "epoch updates steps return length evaluated evaluated_least evaluated_length policy_loss value_loss"
    assert {*names.split(), "entropy", "divergence", "norm", "seconds"} == set(row)
    assert row["steps"] == 400
    assert np.isfinite([value for value in row.values() if value is not None]).all()
