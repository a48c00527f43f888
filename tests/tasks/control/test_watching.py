"""One episode, step by step: it is the one that is evaluated, and its states are those of the policy."""

import pytest

from control_rooms import Forever
from keepgate import Controller
from keepgate.errors import InputError
from keepgate.tasks.control.figures import episode_strips, return_curve
from keepgate.tasks.control.watching import watched

TINY = {"hidden_size": 5, "epochs": 1, "environments": 2, "window": 16, "steps": 64, "episodes": 3, "progress": False}


@pytest.fixture(scope="module")
def swing():
    return Controller(**TINY, hide="velocity", previous=True).fit("Pendulum-v1")


def test_the_episode_is_the_one_that_is_evaluated(swing):
    found = swing.evaluate()
    for seed, expected in zip(found.seeds, found.returns, strict=True):
        episode = watched(swing, None, int(seed))
        assert episode.reward.sum() == pytest.approx(expected, abs=1e-6)
    assert episode.seen.shape == (200, 4)
    assert episode.hidden.shape == (200, 1)
    assert {name: value.shape for name, value in episode.states.items()} == {"h": (200, 5), "c": (200, 5)}
    assert set(episode.gates) == {"i", "f", "g", "o"}
    assert episode.seen[0, 2:].tolist() == [0.0, 0.0]
    assert episode.seen[5, 3] == pytest.approx(episode.reward[4], abs=1e-5)


def test_figures_show_it(swing):
    episode = watched(swing, None, 0)
    strips = episode_strips(episode)
    labels = [axes.get_ylabel() for axes in strips.axes]
    assert labels[:5] == ["seen", "hidden", "action", "reward", "value"]
    assert len(strips.axes[1].lines) == 2  # the velocity, and the cell that goes with it
    curve = return_curve(swing.history_, {"chance": -1200.0})
    assert [axes.get_xlabel() for axes in curve.axes] == ["environment steps", "seconds"]
    assert [line.get_ydata()[0] for line in curve.axes[0].lines if line.get_label() == "chance"] == [-1200.0]


def test_what_draws_no_pictures_is_told():
    agent = Controller(**TINY).fit(Forever)
    with pytest.raises(InputError, match="the environment cannot be made: TypeError"):
        watched(agent, Forever, 0, pictures=True)

    def make(render_mode=None):
        return Forever()

    with pytest.raises(InputError, match="the environment draws no pictures: it has no render mode rgb_array"):
        watched(agent, make, 0, pictures=True)
