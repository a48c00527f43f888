"""`keepgate film`: a film of a trained policy in its environment."""

from __future__ import annotations

from collections.abc import Sequence

from keepgate.cli import parser
from keepgate.cli.text import table
from keepgate.errors import printable

EXAMPLE = """\
  keepgate film runs/pole --out pole.mp4
  keepgate film runs/room room.py:make --out room.gif
  MUJOCO_GL=egl keepgate film runs/hopper --episodes 20 --out hopper.mp4"""

DESCRIPTION = """\
Film a trained policy: the worst, the median and the best of some fresh episodes, one after the other."""


def main(arguments: Sequence[str]) -> None:
    """Write the film and print which episodes it shows."""
    flags = parser("film", DESCRIPTION, EXAMPLE)
    flags.add_argument("run", metavar="RUN", help="folder of a run of `keepgate fit control`")
    flags.add_argument(
        "environment", metavar="ENV", nargs="?", help="the environment (default: the one that was learned in)"
    )
    flags.add_argument("--out", metavar="FILE", required=True, help="film to write, .mp4 or .gif; it is replaced")
    flags.add_argument(
        "--episodes", metavar="N", type=int, default=100, help="episodes that the three are chosen from (default: 100)"
    )
    options = flags.parse_args(arguments)

    from keepgate.tasks.control.estimator import Controller

    shown = Controller.load(options.run).film(options.out, options.environment, episodes=options.episodes)
    print(table([{"return": float(one.reward.sum()), "steps": len(one.reward)} for one in shown]))
    print(printable(f"film in {options.out}"))
