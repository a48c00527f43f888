"""`Stepper`: a cell one step at a time, without torch; for streams, control, and whatever must answer at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from keepgate.equations import Equations
from keepgate.errors import InputError, quoted
from keepgate.native import engine as core
from keepgate.native.states import States

__all__ = ["Stepper", "check_storage", "stepper_stack"]

MOST_DEPTH = 2**17  # of a product of 8-bit integers, whose sums have 32 bits: native/src/int8.h
MOST_ROWS = 2**24  # of a batch: sizes in bytes stay far below what 64 bits count


class Stepper(States):
    """One layer of a cell that keeps its states, B rows wide, on the CPU.

    It computes as in evaluation: random bits are their expectations. A step has the bits that the same step of the
    whole sequence has. Arrays are dense, of the stepper's dtype, NumPy's or torch's or any other that lends its memory;
    where there is one row, its axis may be left out. A stepper belongs to one thread at a time.

    >>> import numpy as np
    >>> from keepgate.cells import get
    >>> equations = get("lstm").equations
    >>> shapes = {p.name: p.shape for p in equations.parameters(3, 5)}
    >>> stepper = Stepper(equations, 3, 5, {name: np.full(shape, 0.1) for name, shape in shapes.items()})
    >>> stepper.step(np.ones(3, np.float32)).shape
    (5,)

    Args:
        equations: of the cell.
        input_size: I.
        hidden_size: H.
        parameters: by name, as `Equations.parameters` names and shapes them; biases may be absent. They are read now:
            a later change of theirs does not show.
        batch: B.
        dtype: float32 or float64.
        storage: of the weights of products: `"full"`, in `dtype`; or, with float32 sums, `"bfloat16"` (rounded
            to nearest even) or `"int8"`: integers of -127 to 127 times a scale for each row, its largest over 127.
            What they multiply is rounded so too, at each step, and the sums of the integers are exact.

    Raises:
        BackendError: the core does not run here.
        InputError: a parameter is missing or has the wrong shape, or there is no such dtype or storage.
    """

    def __init__(
        self,
        equations: Equations,
        input_size: int,
        hidden_size: int,
        parameters: Mapping[str, Any],
        batch: int = 1,
        dtype: Any = np.float32,
        storage: str = "full",
    ) -> None:
        self.dtype = np.dtype(dtype)
        if self.dtype.name not in ("float32", "float64"):
            raise InputError(f"dtype is float32 or float64, got {self.dtype.name}")
        wanted = equations.parameters(input_size, hidden_size)
        check_storage(storage, self.dtype.name, [p.shape for p in wanted if p.name.startswith("weight_")])
        if not isinstance(batch, int) or batch < 1:
            raise InputError(f"batch must be at least 1, got {quoted(batch)}")
        if batch > MOST_ROWS:
            raise InputError(f"batch must be at most {MOST_ROWS}, got {quoted(batch)}")
        made = core.engine(equations, input_size, hidden_size)
        held = self._held(wanted, parameters)
        self._core = core.stepper(made, self.dtype.name == "float64", held, batch, storage)
        self._states = {name: self._core.state(i) for i, name in enumerate(made.states)}
        size = equations.resolve(input_size, hidden_size)
        self._inputs = {name: size[equations.step_inputs[name]] for name in made.step_inputs}
        self.batch, self.input_size, self.output_size = batch, input_size, made.widths[0]

    def _held(self, wanted: Any, given: Mapping[str, Any]) -> dict[str, np.ndarray]:
        held = {}
        for parameter in wanted:
            value = given.get(parameter.name)
            if value is None and parameter.name.startswith("bias_"):
                continue
            if value is None:
                raise InputError(f"parameter {parameter.name} of shape {parameter.shape} is missing")
            try:
                held[parameter.name] = array = np.ascontiguousarray(value, self.dtype)
            except (TypeError, ValueError, RuntimeError) as error:
                raise InputError(f"parameter {parameter.name} is no array of {self.dtype.name}: {error}") from error
            if array.shape != tuple(parameter.shape):
                raise InputError(f"parameter {parameter.name} has shape {array.shape}, expected {parameter.shape}")
        return held

    def step(self, x: Any, output: Any = None, step_inputs: Mapping[str, Any] | None = None) -> Any:
        """Take one step and return the output: the new first state.

        Args:
            x: [B, I].
            output: [B, W], is overwritten and returned; a new NumPy array if absent.
            step_inputs: the cell's extra inputs by name, [B, W].

        Raises:
            InputError: an array has the wrong shape or dtype, or is not dense.
        """
        if output is None and not hasattr(x, "shape"):
            raise InputError(self._wrong(x, output, step_inputs or {}))
        if output is None:
            output = np.empty((*x.shape[:-1], self.output_size), self.dtype)
        try:
            self._core.step(x, output, self._given(step_inputs) if self._inputs or step_inputs else ())
        except TypeError:
            raise InputError(self._wrong(x, output, step_inputs or {})) from None
        return output

    def step_at(self, x: int, output: int, step_inputs: Sequence[int] = ()) -> None:
        """Take one step on the addresses of dense arrays of the shapes and dtype of `step`, which are not checked."""
        self._core.step_at(x, output, step_inputs)

    def _given(self, step_inputs: Mapping[str, Any] | None) -> list[Any]:
        given = step_inputs or {}
        if set(given) != set(self._inputs):
            names = [", ".join(inputs) or "none" for inputs in (self._inputs, given)]
            raise InputError(f"the cell takes the step inputs {names[0]}; got {names[1]}")
        return [given[name] for name in self._inputs]

    def _wrong(self, x: Any, output: Any, step_inputs: Mapping[str, Any]) -> str:
        arrays = {"x": (x, self.input_size), "output": (output, self.output_size)}
        arrays |= {name: (step_inputs[name], width) for name, width in self._inputs.items()}
        expected = ", ".join(f"{name} ({self.batch}, {width})" for name, (_, width) in arrays.items())
        got = ", ".join(f"{name} {_what(array)}" for name, (array, _) in arrays.items())
        return f"a step takes dense {self.dtype.name} arrays on the CPU, {expected}; got {got}"

    def reset(self, rows: Any = None) -> None:
        """Return to states of zeros: all rows, or those that a mask [B] or a list of numbers names."""
        chosen = slice(None) if rows is None else self._rows(rows)
        for places in self._states.values():
            places[self._core.place][chosen] = 0

    def _rows(self, rows: Any) -> np.ndarray:
        chosen = np.asarray(rows)
        if not chosen.size:
            return chosen.astype(int)
        mask = chosen.dtype.kind == "b" and chosen.shape == (self.batch,)
        numbers = chosen.dtype.kind in "iu" and -self.batch <= chosen.min() and chosen.max() < self.batch
        if not (mask or numbers):
            raise InputError(
                f"rows are a mask of {self.batch} booleans or numbers below {self.batch}; got {quoted(rows)}"
            )
        return chosen


def check_storage(storage: str, dtype: str, weights: Iterable[Sequence[int]]) -> None:
    """Refuse a way to store packed weights that there is not, or that does not go with them.

    Args:
        storage: of the weights.
        dtype: its name.
        weights: their shapes.

    Raises:
        InputError: says which ways there are.
    """
    if storage not in core.HELD_STORAGES or (storage != "full" and dtype != "float32"):
        raise InputError(f"storage is one of {', '.join(core.HELD_STORAGES)}, all but full in float32; got {storage!r}")
    deepest = max((shape[-1] for shape in weights), default=0)
    if storage == "int8" and deepest > MOST_DEPTH:
        raise InputError(
            f'storage="int8" takes products of at most {MOST_DEPTH} numbers, got {deepest}; use "bfloat16"'
        )


def stepper_stack(reader: Any, steppers: Sequence[Stepper]) -> Any:
    """Return the layers of a stream, from the lowest to the highest, as the core steps them on tensors of torch."""
    return core.stepper_stack(reader, steppers[0].dtype.name == "float64", [stepper._core for stepper in steppers])


def _what(array: Any) -> str:
    if not hasattr(array, "shape"):
        return type(array).__name__
    return f"{tuple(array.shape)} of {str(array.dtype).removeprefix('torch.')}"
