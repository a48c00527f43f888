"""Environments by name, by file, by function; and what is told of those that there are not."""

import gymnasium
import pytest

from control_rooms import Forever
from keepgate.data.environments import Environments, named, source_of
from keepgate.data.environments.making import VELOCITIES
from keepgate.errors import InputError

ROOM = """\
import gymnasium
from gymnasium import spaces


class Room(gymnasium.Env):
    observation_space, action_space = spaces.Box(0, 1, (1,)), spaces.Discrete(2)


def make():
    return Room()


def other():
    raise OSError("no room")
"""


def test_an_id_a_file_a_function_and_a_vector_environment_are_sources(tmp_path):
    (tmp_path / "room.py").write_text(ROOM)
    for given in (tmp_path / "room.py", f"{tmp_path}/room.py:make", Forever, "CartPole-v1"):
        source = source_of(given)
        assert Environments(source, 2).count == 2
        assert source_of(source) is source
    vector = gymnasium.make_vec("Pendulum-v1", 3)
    assert Environments(source_of(vector), 3).env is vector
    with pytest.raises(InputError, match="the vector environment has 3 rows, not 2"):
        Environments(source_of(vector), 2)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CartPol-v1", r"there is no environment 'CartPol-v1': .*; similar are 'CartPole-v1'"),
        ("nowhere.py:make", "there is no file nowhere.py"),
        ("room.py:made", "room.py has no function 'made'; it has to make an environment"),
        ("room.py:other", r"environment '.*room.py:other' cannot be made: OSError: no room"),
        ("broken.py", "broken.py raised ZeroDivisionError: division by zero"),
        ("leaves.py", "leaves.py raised SystemExit: 0"),
    ],
)
def test_what_there_is_not_is_told_in_one_sentence(name, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "room.py").write_text(ROOM)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "leaves.py").write_text("import sys; sys.exit(0)\n")
    with pytest.raises(InputError, match=message):
        Environments(named(name), 1)


def test_a_package_that_is_missing_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "popgym", None)
    with pytest.raises(InputError, match="environment 'popgym-X-v0' needs the package popgym; run: pip install popgym"):
        named("popgym-X-v0")


def test_what_is_no_environment_is_refused():
    with pytest.raises(InputError, match=r"an environment is an id of gymnasium, file.py:function, .*; got 3"):
        source_of(3)


@pytest.mark.parametrize("name", [name for name in VELOCITIES if name.startswith(("Cart", "Pend", "Mount", "Acro"))])
def test_places_of_velocities_are_within_an_observation(name):
    env = gymnasium.make(name.replace("CartPole-v0", "CartPole-v1"))
    assert max(VELOCITIES[name]) < env.observation_space.shape[0]


def test_what_cannot_be_seen_or_hidden_is_told():
    with pytest.raises(InputError, match="observe=4 is no value of an observation of environment 'CartPole-v1'"):
        Environments(named("CartPole-v1").seeing((0, 4), None), 1)
    with pytest.raises(InputError, match="nothing is left to be seen of environment 'CartPole-v1'"):
        Environments(named("CartPole-v1").seeing((1,), "velocity"), 1)
    with pytest.raises(InputError, match="it is not known which values of the environment are velocities"):
        Environments(source_of(Forever).seeing(None, "velocity"), 1)
