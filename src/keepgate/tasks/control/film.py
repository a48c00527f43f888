"""Films of episodes: MP4 by ffmpeg, or GIF."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from keepgate.errors import InputError, MissingExtraError
from keepgate.store import write_atomic
from keepgate.tasks.control.watching import Watched, watched

if TYPE_CHECKING:
    from keepgate.tasks.control.estimator import Controller

__all__ = ["FORMATS", "film"]

SHADES = 128  # colours of a GIF
SIZE = 400  # pixels of the shorter side of a GIF, at most
REST = 0.5  # seconds of the last picture of an episode
GIF_RATE = 50.0  # frames a second that programs show at most


def film(model: Controller, path: str | Path, environment: Any = None, episodes: int = 100) -> list[Watched]:
    """Write a film of the worst, the median and the best of some fresh episodes, and return what was filmed.

    Args:
        model: fitted.
        path: of the film, .mp4 or .gif.
        environment: as in `Controller.evaluate`.
        episodes: that the three are chosen from.

    Raises:
        InputError: the environment cannot draw, or the film cannot be written.
    """
    target = Path(path)
    if target.suffix.lower() not in FORMATS:
        raise InputError(f"{target} is no film: its name ends in {' or '.join(FORMATS)}")
    watched(model, environment, 0, pictures=True, longest=1)  # fails before it takes long
    found = model.evaluate(environment, episodes=episodes)
    order = np.argsort(found.returns, kind="stable")
    chosen = dict.fromkeys(int(order[k]) for k in (0, len(order) // 2, -1))
    shown = [watched(model, environment, int(found.seeds[k]), pictures=True) for k in chosen]
    pictures = [frame for one in shown for frame in (*one.frames, *[one.frames[-1]] * int(REST * one.rate))]
    write_atomic(target, FORMATS[target.suffix.lower()](pictures, shown[0].rate))
    return shown


def _mp4(pictures: Sequence[np.ndarray], rate: float) -> bytes:
    """Return a film of pictures [H, W, 3] of bytes."""
    try:
        import imageio_ffmpeg
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("a film", error) from None
    height, width = (size // 2 * 2 for size in pictures[0].shape[:2])  # the codec takes even sizes
    frames_a_second: Any = rate
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        writer = imageio_ffmpeg.write_frames(
            str(path), (width, height), fps=frames_a_second, quality=7, macro_block_size=2, ffmpeg_log_level="error"
        )
        writer.send(None)
        for picture in pictures:
            writer.send(np.ascontiguousarray(picture[:height, :width, :3], np.uint8))
        writer.close()
        return path.read_bytes()


def _gif(pictures: Sequence[np.ndarray], rate: float) -> bytes:
    """Return a film of pictures, of every second one where they are too many a second."""
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("a film", error) from None
    stride = max(1, round(rate / (GIF_RATE / 2)))
    frames = []
    for picture in pictures[::stride]:
        image = Image.fromarray(np.asarray(picture, np.uint8)[..., :3])
        image.thumbnail((2 * SIZE, SIZE))
        frames.append(image.quantize(SHADES))
    buffer = io.BytesIO()
    shown = round(1000 * stride / rate)
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=shown, loop=0)
    return buffer.getvalue()


FORMATS: Mapping[str, Callable[[Sequence[np.ndarray], float], bytes]] = {".mp4": _mp4, ".gif": _gif}
