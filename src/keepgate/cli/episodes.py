"""The flag for how many episodes `keepgate evaluate` lets a trained policy act in."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from keepgate.errors import InputError

if TYPE_CHECKING:
    from keepgate.tasks.common.estimator import Estimator


def add_episodes(flags: argparse.ArgumentParser) -> None:
    """Add the flag."""
    group = flags.add_argument_group("episodes, for models of control")
    group.add_argument(
        "--episodes", metavar="N", type=int, help="fresh episodes to act in (default: as many as in the training)"
    )


def apply_episodes(estimator: Estimator, options: argparse.Namespace) -> None:
    """Make the estimator act in so many episodes.

    Raises:
        InputError: the flag is used and the estimator does not act, or there are fewer than one.
    """
    if options.episodes is None:
        return
    if not hasattr(estimator, "episodes"):
        raise InputError(f"--episodes is for models of control; {options.run} is one of {estimator.TASK}")
    estimator.set_params(episodes=options.episodes)
    estimator.check_fitted()
