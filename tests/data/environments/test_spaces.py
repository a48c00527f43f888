"""Spaces as arrays, against gymnasium's own `flatten`, and actions back into spaces."""

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.spaces import flatten
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array

from keepgate.data.environments.spaces import Observations, actions_of, given_to
from keepgate.errors import InputError

SPACES = {
    "box": spaces.Box(-1, 1, (2, 3), np.float32),
    "bytes": spaces.Box(0, 255, (2, 2, 3), np.uint8),
    "discrete": spaces.Discrete(4),
    "discrete from": spaces.Discrete(3, start=-1),
    "multi discrete": spaces.MultiDiscrete([2, 3]),
    "multi discrete from": spaces.MultiDiscrete([2, 3], start=[4, -2]),
    "multi binary": spaces.MultiBinary(3),
    "dict": spaces.Dict({"b": spaces.Discrete(3), "a": spaces.Box(-1, 1, (2,))}),
    "tuple": spaces.Tuple([spaces.MultiBinary(2), spaces.Dict({"x": spaces.Discrete(2), "y": spaces.Box(0, 1, (1,))})]),
}


@pytest.mark.parametrize("name", SPACES)
def test_observations_are_as_gymnasium_flattens_them(name):
    space = SPACES[name]
    space.seed(0)
    each = [space.sample() for _ in range(5)]
    batch = concatenate(space, each, create_empty_array(space, 5))
    seen = Observations(space, "what is seen")
    found = seen.flat(batch)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [flatten(space, one) for one in each], atol=1e-6)
    assert seen.width == spaces.flatdim(space)


def test_only_numbers_are_measured():
    seen = Observations(SPACES["tuple"], "what is seen")
    assert seen.measured.tolist() == [False, False, False, False, True]


@pytest.mark.parametrize("name", [name for name in SPACES if name != "bytes"])
def test_actions_of_a_space_are_in_it(name):
    space = SPACES[name]
    actions = actions_of(space, "what is done")
    random = np.random.default_rng(0)
    outputs = random.normal(scale=3, size=(6, actions.outputs))
    numbers = actions.drawn(outputs, actions.noise(random, 6))
    batch = given_to(space)(actions.values(numbers))
    assert batch_space(space, 6).contains(batch)


def test_every_action_of_several_is_reached():
    space = SPACES["multi discrete from"]
    give, actions = given_to(space), actions_of(space, "")
    numbers = np.array([[a, b] for a in range(2) for b in range(3)], float)
    assert give(actions.values(numbers)).tolist() == [[4 + a, b - 2] for a in range(2) for b in range(3)]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Text(3), "what is a Text space, which cannot be used; known are Box, Discrete"),
        (spaces.Dict({"far": spaces.Sequence(spaces.Discrete(2))}), "what, part 'far' is a Sequence space"),
    ],
)
def test_a_kind_of_space_that_cannot_be_used_is_named(space, message):
    for read in (Observations, actions_of):
        with pytest.raises(InputError, match=message):
            read(space, "what")


def test_a_box_of_integers_is_no_space_of_actions():
    with pytest.raises(InputError, match="what is a Box of int32, in which no action can be drawn; use MultiDiscrete"):
        actions_of(spaces.Box(0, 5, (2,), np.int32), "what")
