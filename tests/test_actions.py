"""Actions as numbers: drawn, likeliest, in the units of the environment; what a policy reads."""

import numpy as np
import pytest
import torch
from torch import distributions as D

from keepgate.actions import Actions, Inputs, Part
from keepgate.errors import InputError
from keepgate.training.policy.distribution import entropy, log_prob

ALL = Actions(
    (
        Part("one", 3, start=5),
        Part("numbers", 2, (-2.0, None), (4.0, None)),
        Part("bits", 2),
        Part("one", 2),
    )
)


def outputs(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, ALL.outputs)).astype(np.float32)


def test_places_and_sizes():
    assert (ALL.numbers, ALL.outputs, ALL.width) == (6, 11, 9)
    assert [(a.start, a.stop, o.start, o.stop) for _, a, o in ALL.places] == [
        (0, 1, 0, 3),
        (1, 3, 3, 7),
        (3, 5, 7, 9),
        (5, 6, 9, 11),
    ]


def test_the_likeliest_action_has_the_highest_density():
    given = outputs(50)
    best = ALL.greedy(given)
    density = log_prob(ALL, torch.from_numpy(given), torch.from_numpy(best).float())
    random = np.random.default_rng(1)
    for _ in range(30):
        other = ALL.drawn(given, ALL.noise(random, 50))
        assert (log_prob(ALL, torch.from_numpy(given), torch.from_numpy(other).float()) <= density + 1e-5).all()


def test_drawn_actions_have_the_frequencies_of_their_probabilities():
    given = np.repeat(outputs(1), 40_000, 0)
    found = ALL.drawn(given, ALL.noise(np.random.default_rng(0), 40_000))
    logits = torch.from_numpy(given[0])
    shares = np.bincount(found[:, 0].astype(int), minlength=3) / len(found)
    np.testing.assert_allclose(shares, logits[:3].softmax(-1), atol=0.01)
    np.testing.assert_allclose(found[:, 1:3].mean(0), given[0, 3:5], atol=0.05)
    np.testing.assert_allclose(found[:, 1:3].std(0), np.exp(given[0, 5:7]), rtol=0.02)
    np.testing.assert_allclose(found[:, 3:5].mean(0), logits[7:9].sigmoid(), atol=0.01)


def test_densities_and_entropies_are_those_of_torch():
    given, numbers = torch.from_numpy(outputs(20)), torch.from_numpy(outputs(20, 1))
    numbers = torch.from_numpy(ALL.drawn(given.numpy(), ALL.noise(np.random.default_rng(2), 20))).float()
    parts = [
        (D.Categorical(logits=given[:, :3]), numbers[:, 0]),
        (D.Independent(D.Normal(given[:, 3:5], given[:, 5:7].exp()), 1), numbers[:, 1:3]),
        (D.Independent(D.Bernoulli(logits=given[:, 7:9]), 1), numbers[:, 3:5]),
        (D.Categorical(logits=given[:, 9:]), numbers[:, 5]),
    ]
    expected = sum(one.log_prob(value) for one, value in parts)
    torch.testing.assert_close(log_prob(ALL, given, numbers), expected)
    torch.testing.assert_close(entropy(ALL, given), sum(one.entropy() for one, _ in parts))


def test_values_are_in_the_units_of_the_environment():
    numbers = np.array([[2.0, 100.0, -3.0, 1.0, 0.0, 1.0], [0.0, 0.0, 7.0, 0.0, 1.0, 0.0]])
    np.testing.assert_allclose(ALL.values(numbers), [[7.0, 4.0, -3.0, 1.0, 0.0, 1.0], [5.0, 1.0, 7.0, 0.0, 1.0, 0.0]])


def test_encoded_actions():
    numbers = np.array([[2.0, 0.0, 100.0, 1.0, 0.0, 1.0]])
    assert ALL.encoded(numbers).tolist() == [[0, 0, 1, 0, 1, 1, 0, 0, 1]]


def test_json_keeps_everything_and_refuses_what_does_not_fit():
    assert Actions.from_json(ALL.to_json()) == ALL
    wrong = ALL.to_json()
    wrong[1]["low"] = [0.0]
    with pytest.raises(InputError, match="a part of kind 'numbers' has 2 bounds"):
        Actions.from_json(wrong)
    with pytest.raises(InputError, match=r"actions\[0\].*kind"):
        Actions.from_json([{**wrong[0], "kind": "many"}])


def test_inputs_hold_what_is_seen_done_and_gained():
    inputs = Inputs(2, Actions((Part("one", 3),)), previous=True)
    seen, rewards = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.5, -1.0])
    rows = inputs.rows(seen, np.array([[2.0], [0.0]]), rewards)
    assert rows.tolist() == [[1, 2, 0, 0, 1, 0.5], [3, 4, 1, 0, 0, -1.0]]
    assert inputs.begin(rows, np.array([True, False])).tolist()[0] == [1, 2, 0, 0, 0, 0]
    assert inputs.measured(np.array([True, False])).tolist() == [True, False, False, False, False, True]
    plain = Inputs(2, inputs.actions, previous=False)
    assert plain.rows(seen, np.zeros((2, 1)), rewards) is seen
    assert (inputs.size, plain.size) == (6, 2)
