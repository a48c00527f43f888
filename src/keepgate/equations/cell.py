"""A cell: its states and its step. The step is called once, with symbols, and leaves the equations."""

from __future__ import annotations

import sys
import traceback
from functools import cached_property
from typing import Any, ClassVar

from keepgate.equations.expression import Expression, SourceLine, caller_line, fail
from keepgate.equations.graph import Equations
from keepgate.errors import CellError, reason

__all__ = ["Cell", "WrittenCell"]


class Last:
    """The states before the step, as attributes."""

    def __init__(self, cell: str, states: tuple[str, ...]):
        self._cell, self._states = cell, states
        for state in states:
            setattr(self, state, Expression("last", (), (state,), "hidden", SourceLine(cell, 0)))

    def __getattr__(self, name: str) -> Expression:
        fail(f"{self._cell} has no state '{name}'; its states are {', '.join(self._states)}")


class Step:
    """The result of a step: the new value of every state, and the names that the step gave to values."""

    def __init__(self, cell: str, states: tuple[str, ...], new: dict[str, Any], scope: dict[str, Any]):
        self.line = caller_line()
        missing = [state for state in states if state not in new]
        unknown = [state for state in new if state not in states]
        if missing or unknown:
            word, names = ("does not give", missing) if missing else ("gives the unknown", unknown)
            fail(f"State(...) {word} {', '.join(names)}; the states of {cell} are {', '.join(states)}")
        for state, value in new.items():
            if not isinstance(value, Expression) or value.width in (None, "unit"):
                fail(f"the new {state} is no value with one number a unit")
            if value.width == "input":
                fail(f"the new {state} has as many units as the input; bring it to the state's by an affine map")
        self.new = {state: new[state] for state in states}
        self.named = {
            name: value
            for name, value in scope.items()
            if isinstance(value, Expression) and value.op not in ("input", "last", "constant")
        }


class Cell:
    """Base of every cell.

    A subclass names its states (the first is the output) and writes `step`::

        class MyCell(Cell):
            state = ("h",)

            def step(self, x, last):
                return self.State(h=tanh(affine("n", x, last.h)))

    Attributes:
        state: names of the states.
        paper: where the cell was published.
    """

    state: ClassVar[tuple[str, ...]] = ("h",)
    paper: ClassVar[str] = ""
    name: str = ""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" not in cls.__dict__:
            cls.name = cls.__name__

    def step(self, x: Expression, last: Any) -> Step:
        """Return the new states, written with the symbols `x` and `last.<state>`."""
        raise NotImplementedError

    def State(self, **new: Expression) -> Step:
        """Return the new states from a step; the local names of the step name its values."""
        return Step(self.name, tuple(self.state), new, dict(sys._getframe(1).f_locals))

    @cached_property
    def equations(self) -> Equations:
        """The equations of this cell.

        Raises:
            CellError: the step is wrong; the message names the line.
        """
        names = self.state if isinstance(self.state, tuple | list) else ()
        if not names or len(set(names)) < len(names) or not all(str(name).isidentifier() for name in names):
            raise CellError(f"{self.name}: `state` is a tuple that names each state once, got {self.state!r}")
        x = Expression("input", (), (), "input", SourceLine(self.name, 0))
        try:
            step = self.step(x, Last(self.name, tuple(self.state)))
        except CellError:
            raise
        except UnboundLocalError as error:
            name = getattr(error, "name", None) or str(error).split("'")[1]
            fail(f"'{name}' is used before it is computed; write it above this line", _innermost(error))
        except NotImplementedError:
            raise CellError(f"{self.name} has no step; write def step(self, x, last)") from None
        except (Exception, SystemExit) as error:
            raise CellError(f"{_innermost(error)}: {reason(error)}") from error
        if not isinstance(step, Step):
            code = type(self).step.__code__
            line = SourceLine(code.co_filename, code.co_firstlineno)
            fail(f"step returns {type(step).__name__}; it must return self.State(...)", line)
        return Equations(self.name, step.new, step.named)

    def __repr__(self) -> str:
        return f"{self.name}:\n{self.equations}"

    def _repr_latex_(self) -> str:
        """Return the equations as a notebook shows them."""
        return self.equations._repr_latex_()


class WrittenCell(Cell):
    """A cell given by its equations: the result of a modifier, or read from a model file."""

    def __init__(self, equations: Equations, paper: str = ""):
        self.__dict__["equations"] = equations
        self.name = equations.name
        self.paper = paper  # type: ignore[misc]
        self.state = equations.states  # type: ignore[misc]


def _innermost(error: BaseException) -> SourceLine:
    """Return the line of the cell at which an exception arose."""
    frames = traceback.extract_tb(error.__traceback__)
    frames_of_the_cell = [f for f in frames if not f.filename.startswith(__file__.rsplit("/", 1)[0])] or list(frames)
    return SourceLine(frames_of_the_cell[-1].filename, frames_of_the_cell[-1].lineno or 0)
