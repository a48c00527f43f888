"""How environments are named and made: an id of gymnasium, `file.py:function`, a function, or a vector environment."""

from __future__ import annotations

import difflib
import importlib
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from keepgate.errors import InputError, listed, quoted, reason
from keepgate.user_module import FAULTS, run_file

__all__ = ["VELOCITIES", "Source", "named", "source_of"]

# Packages that add environments once they are imported, by the beginning of their ids.
PACKAGES = {"popgym-": "popgym", "ALE/": "ale_py", "MiniGrid-": "minigrid", "BabyAI-": "minigrid"}
VELOCITIES = {  # places of velocities in an observation
    "Acrobot-v1": (4, 5),
    "BipedalWalker-v3": (1, 2, 3, 5, 7, 10, 12),
    "CartPole-v0": (1, 3),
    "CartPole-v1": (1, 3),
    "InvertedDoublePendulum-v5": (5, 6, 7),
    "InvertedPendulum-v5": (2, 3),
    "LunarLander-v3": (2, 3, 5),
    "LunarLanderContinuous-v3": (2, 3, 5),
    "MountainCar-v0": (1,),
    "MountainCarContinuous-v0": (1,),
    "Pendulum-v1": (2,),
}


@dataclass(frozen=True)
class Source:
    """Makes copies of an environment.

    Attributes:
        name: as it was named, or None of a function or an object.
        make: one copy, from keyword arguments.
        entry: a vector environment of so many rows, where there is one.
        given: a vector environment that was given, of which there is but one.
        observe: numbers of the values of an observation that are seen; None: all.
        hide: "velocity": these are not seen.
    """

    name: str | None
    make: Callable[..., Any] | None
    entry: Callable[[int], VectorEnv[Any, Any, Any]] | None = None
    given: VectorEnv[Any, Any, Any] | None = None
    observe: tuple[int, ...] | None = None
    hide: str | None = None

    def __str__(self) -> str:
        return "the environment" if self.name is None else f"environment {quoted(self.name)}"

    @property
    def shared(self) -> bool:
        """Whether all use the one vector environment that was given."""
        return self.given is not None

    def seeing(self, observe: Sequence[int] | None, hide: str | None) -> Source:
        """Return the source with a part of its observations."""
        return replace(self, observe=None if observe is None else tuple(observe), hide=hide)

    def vector(self, count: int) -> VectorEnv[Any, Any, Any]:
        """Return a vector environment of so many rows.

        Raises:
            InputError: it cannot be made.
        """
        if self.given is not None:
            if self.given.num_envs != count:
                raise InputError(f"the vector environment has {self.given.num_envs} rows, not {count}")
            return self.given
        return self._tried(lambda: self._vector(count))

    def _vector(self, count: int) -> VectorEnv[Any, Any, Any]:
        if self.entry is not None:
            return self.entry(count)
        assert self.make is not None
        return SyncVectorEnv([self.make] * count, autoreset_mode=AutoresetMode.DISABLED)

    def single(self, **options: Any) -> gymnasium.Env[Any, Any]:
        """Return one environment, made with keyword arguments such as `render_mode`.

        Raises:
            InputError: it cannot be made.
        """
        if self.make is None:
            raise InputError("a vector environment was given, of which there is no single copy; name an environment")
        make = self.make
        return self._tried(lambda: make(**options))

    def _tried(self, make: Callable[[], Any]) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return make()
        except InputError:
            raise
        except Exception as error:
            raise InputError(f"{self} cannot be made: {type(error).__name__}: {reason(error)}") from error

    def picked(self, env: VectorEnv[Any, Any, Any], width: int) -> list[int] | None:
        """Return the numbers of the values that are seen, or None for all.

        Raises:
            InputError: a number is none of an observation's values, or it is not known which are velocities.
        """
        if self.observe is None and self.hide is None:
            return None
        seen = np.arange(width) if self.observe is None else np.array(self.observe)
        if wrong := [int(k) for k in seen if not 0 <= k < width]:
            raise InputError(f"observe={wrong[0]} is no value of an observation of {self}, which has 0 to {width - 1}")
        if self.hide is not None:
            seen = seen[~np.isin(seen, self._velocities(env))]
        if not len(seen):
            raise InputError(f"nothing is left to be seen of {self}: observe or hide less")
        return [int(k) for k in seen]

    def _velocities(self, env: VectorEnv[Any, Any, Any]) -> Sequence[int]:
        if self.name in VELOCITIES:
            return VELOCITIES[self.name]
        inner = getattr(env, "envs", [None])[0]
        structure = getattr(getattr(inner, "unwrapped", None), "observation_structure", None)
        if isinstance(structure, dict) and "qvel" in structure:  # of MuJoCo's: positions, then velocities
            begin = int(structure["qpos"])
            return range(begin, begin + int(structure["qvel"]))
        raise InputError(f"it is not known which values of {self} are velocities; name those to see by observe")


def source_of(environment: Any) -> Source:
    """Return the source of an environment: named, a function that makes one, or a vector environment.

    Raises:
        InputError: it is none of these, or there is no such name.
    """
    if isinstance(environment, Source):
        return environment
    if isinstance(environment, str | os.PathLike):
        return named(os.fspath(environment))
    if isinstance(environment, VectorEnv):
        return Source(None, None, given=environment)
    if callable(environment):
        return Source(None, environment)
    raise InputError(
        f"an environment is an id of gymnasium, file.py:function, a function that makes one or a vector environment; "
        f"got {quoted(environment)}"
    )


def named(name: str) -> Source:
    """Return the source of an environment that is named.

    Args:
        name: an id such as "CartPole-v1" or "popgym-RepeatPreviousEasy-v0", or "path/to/file.py:function"; `make` is
            the function where none is named.

    Raises:
        InputError: there is no such environment; the message names similar ones, or the package to install.
    """
    path, _, function = name.partition(".py")
    if _ and (not function or function.startswith(":")):
        return Source(name, _from_file(Path(f"{path}.py"), function[1:] or "make"))
    _import_package(name)
    try:
        spec = gymnasium.spec(name)
    except Exception as error:
        near = difflib.get_close_matches(name, [*gymnasium.registry], n=3, cutoff=0.5)
        known = f"; similar are {listed(near)}" if near else ""
        raise InputError(f"there is no environment {quoted(name)}: {reason(error).rstrip('.')}{known}") from error
    entry = None
    if spec.vector_entry_point is not None and not spec.additional_wrappers:
        entry = lambda count: gymnasium.make_vec(name, count, vectorization_mode="vector_entry_point")  # noqa: E731
    return Source(name, lambda **options: gymnasium.make(name, **options), entry)


def _import_package(name: str) -> None:
    for beginning, package in PACKAGES.items():
        if name.startswith(beginning):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    module = importlib.import_module(package)
            except ModuleNotFoundError as error:
                raise InputError(
                    f"environment {quoted(name)} needs the package {error.name}; run: "
                    f"pip install {package.replace('_', '-')}"
                ) from error
            if package == "ale_py":
                gymnasium.register_envs(module)


def _from_file(path: Path, function: str) -> Callable[..., Any]:
    """Return a function of a file of Python, which is run.

    Raises:
        InputError: there is no such file or function, or the file raises an error.
    """
    if not path.is_file():
        raise InputError(f"there is no file {path}")
    try:
        module = run_file(path, "environment")
    except FAULTS as error:
        raise InputError(f"{path} raised {type(error).__name__}: {reason(error)}") from error
    make = getattr(module, function, None)
    if not callable(make):
        raise InputError(f"{path} has no function {quoted(function)}; it has to make an environment")
    return make
