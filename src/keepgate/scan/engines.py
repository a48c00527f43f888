"""Engines are chosen openly: `auto` takes the first that can, a named one that cannot raises with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from torch import Tensor

from keepgate.equations import Equations
from keepgate.errors import BackendError, InputError
from keepgate.scan import cudnn, native, reference
from keepgate.scan.arguments import Arguments, Result
from keepgate.scan.checks import check
from keepgate.scan.torch_private import captured

__all__ = ["ENGINES", "Engine", "choose", "engines", "scan"]

Run = Callable[[Equations, Mapping[str, Tensor], Arguments], Result]


class Engine(NamedTuple):
    """One way to run a cell over time.

    Attributes:
        run: runs it.
        unavailable: why this machine cannot run it, or None.
        refuses: why it cannot run these equations on these arguments, or None.
        falling: whether it sorts rows that do not fall in length.
    """

    run: Run
    unavailable: Callable[[], str | None]
    refuses: Callable[[Equations, Mapping[str, Tensor], Arguments], str | None]
    falling: bool = False


def _anywhere() -> None:
    return None


ENGINES: dict[str, Engine] = {
    "cudnn": Engine(cudnn.scan, cudnn.missing, cudnn.refuses),
    "native": Engine(native.scan, native.missing, native.refuses, falling=True),
    "reference": Engine(reference.scan, _anywhere, reference.refuses),
}


def engines() -> dict[str, str]:
    """Return, for each engine, `"yes"` or the reason why it cannot run on this machine."""
    return {name: engine.unavailable() or "yes" for name, engine in ENGINES.items()}


def check_backend(backend: str) -> str:
    """Return the name of an engine or `"auto"`.

    Raises:
        InputError: there is no such engine.
    """
    if backend not in ("auto", *ENGINES):
        raise InputError(f"backend is one of auto, {', '.join(ENGINES)}; got {backend!r}")
    return backend


def scan(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments, backend: str = "auto") -> Result:
    """Run a cell over time.

    Args:
        equations: of the cell.
        parameters: by name, as `Equations.parameters` names and shapes them; biases may be absent.
        arguments: inputs and initial state.
        backend: `"auto"` or the name of an engine.

    Raises:
        ShapeError, KindError, InputError: an argument is not what the equations take; see `keepgate.scan.checks.check`.
        BackendError: the named engine cannot run this; the message says why.
    """
    if not captured():  # a compiled graph is checked by its operators
        parameters, arguments = check(equations, parameters, arguments)
    return choose(equations, parameters, arguments, check_backend(backend)).run(equations, parameters, arguments)


def choose(equations: Equations, parameters: Mapping[str, Tensor], arguments: Arguments, backend: str) -> Engine:
    """Return the engine that `scan` takes; those that run one layer of several run all of them.

    Raises:
        BackendError: the named engine cannot run this, or none can; the message says why.
    """
    reason = None
    if backend == "auto":
        for engine in ENGINES.values():
            reason = engine.unavailable() or engine.refuses(equations, parameters, arguments)
            if not reason:
                return engine
        raise BackendError(f"no engine can run this: {reason}")
    engine = ENGINES[backend]
    reason = engine.unavailable() or engine.refuses(equations, parameters, arguments)
    if reason:
        raise BackendError(f"backend {backend!r} cannot run this: {reason}; use backend='auto'")
    return engine
