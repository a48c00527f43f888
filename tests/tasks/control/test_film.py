"""Films: the worst, the median and the best episode, as files that programs read."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from keepgate import Controller
from keepgate.errors import InputError

TINY = {"hidden_size": 3, "epochs": 1, "environments": 2, "window": 8, "steps": 32, "episodes": 5, "progress": False}


class Lamp(gymnasium.Env):
    """Each step is a picture that is as bright as the episode is worth."""

    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array"],
        "render_fps": 10,
    }
    observation_space, action_space = spaces.Box(0, 1, (1,)), spaces.Discrete(2)

    def __init__(self, render_mode=None):
        self.render_mode = render_mode

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.worth, self.t = float(self.np_random.random()), 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.t += 1
        return np.zeros(1, np.float32), self.worth, self.t == 4, False, {}

    def render(self):
        return np.full((33, 47, 3), int(255 * self.worth), np.uint8)


@pytest.fixture(scope="module")
def agent():
    return Controller(**TINY).fit(Lamp)


def test_a_gif_has_the_worst_the_median_and_the_best(agent, tmp_path):
    from PIL import Image

    shown = agent.film(tmp_path / "lamp.gif", Lamp, episodes=5)
    returns = np.sort(agent.evaluate(Lamp, episodes=5).returns)
    assert [one.reward.sum() for one in shown] == pytest.approx(returns[[0, 2, 4]].tolist())
    with Image.open(tmp_path / "lamp.gif") as film:
        assert film.size == (47, 33)
        light = []
        for k in range(film.n_frames):
            film.seek(k)
            light.append(np.asarray(film.convert("L")).mean())
    assert light == sorted(light)
    assert light[0] == pytest.approx(255 * returns[0] / 4, abs=3)
    assert light[-1] == pytest.approx(255 * returns[-1] / 4, abs=3)


def test_an_mp4_has_all_pictures(agent, tmp_path):
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    shown = agent.film(tmp_path / "lamp.mp4", Lamp, episodes=3)
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(tmp_path / "lamp.mp4"))
    assert frames == sum(len(one.frames) + 5 for one in shown)
    assert seconds == pytest.approx(frames / 10, abs=0.11)


def test_another_format_is_refused_before_anything_is_played(agent, tmp_path):
    with pytest.raises(InputError, match=r"lamp.avi is no film: its name ends in .mp4 or .gif"):
        agent.film(tmp_path / "lamp.avi", Lamp)
    assert not list(tmp_path.iterdir())
