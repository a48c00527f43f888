"""`Population`: networks of one cell that step together, without torch; for policies that are tried by thousands."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from keepgate.equations import Equations, compile_program
from keepgate.errors import InputError, quoted
from keepgate.native import engine as core
from keepgate.native.plan import KINDS, OPCODES, plan
from keepgate.native.states import States

__all__ = ["SQUASHES", "Population"]

SQUASHES = ("tanh", "sigmoid", "softplus", "relu")
MOST_ROWS = 2**24  # of all networks: sizes in bytes stay far below what 64 bits count
MOST_NUMBERS = 2**34  # of all weights, and of all rows of values


class Population(States):
    """P networks of a cell and a linear output layer, each with weights of its own, on the CPU.

    The N numbers of a network are the parameters of the cell in the order of `Equations.parameters` (of biases
    `bias_ih` alone: sums of two are redundant), then `weight_out` [O, W] and `bias_out` [O]. It computes as in
    evaluation, and a network has the bits that `Stepper` has for it alone. A population belongs to one thread at a
    time; its own threads share the networks.

    >>> import numpy as np
    >>> from keepgate.cells import get
    >>> networks = Population(get("lstm").equations, 3, 4, 1, networks=5, rows=2)
    >>> networks.load(np.zeros((5, networks.size), np.float32))
    >>> networks.step(np.ones((5, 2, 3), np.float32)).shape
    (5, 2, 1)

    Args:
        equations: of the cell, which takes no step inputs.
        input_size: I.
        hidden_size: H.
        output_size: O; 0: no output layer, the output is the cell's.
        networks: P.
        rows: K, sequences that each network runs at once.
        dtype: float32 or float64.
        squash: a function of the outputs, one of `SQUASHES`; None: they are linear.

    Attributes:
        shapes: of a network's parameters, by name, in their order.
        size: N.

    Raises:
        BackendError: the core does not run here, or the cell does not multiply with matrices.
        InputError: the cell takes step inputs, a size is no whole number or too large, or there is no such dtype or
            function.
    """

    def __init__(
        self,
        equations: Equations,
        input_size: int,
        hidden_size: int,
        output_size: int,
        networks: int,
        rows: int = 1,
        dtype: Any = np.float32,
        squash: str | None = None,
    ) -> None:
        self.dtype = np.dtype(dtype)
        if self.dtype.name not in ("float32", "float64"):
            raise InputError(f"dtype is float32 or float64, got {self.dtype.name}")
        if equations.step_inputs:
            raise InputError(f"cell {equations.name} takes step inputs, which a population has none of")
        if squash is not None and (squash not in SQUASHES or not output_size):
            raise InputError(f"squash is one of {', '.join(SQUASHES)}, for outputs of a layer; got {quoted(squash)}")
        sizes = {"input_size": (input_size, 1), "hidden_size": (hidden_size, 1), "output_size": (output_size, 0)}
        for name, (value, least) in (sizes | {"networks": (networks, 1), "rows": (rows, 1)}).items():
            if not isinstance(value, int | np.integer) or value < least:
                raise InputError(f"{name} must be a whole number from {least} on, got {quoted(value)}")
        self.networks, self.rows = int(networks), int(rows)
        self.input_size, self.hidden_size = int(input_size), int(hidden_size)
        width = equations.resolve(input_size, hidden_size)[next(iter(equations.widths.values()))]
        self.shapes = _shapes(equations, input_size, hidden_size, output_size, width)
        self.size = sum(map(prod, self.shapes.values()))
        widest = max(input_size, output_size, *(prod(shape[:1]) for shape in self.shapes.values()))
        if networks * rows > MOST_ROWS or networks * max(self.size, 4 * rows * widest) > MOST_NUMBERS:
            raise InputError(f"a population of {networks} networks with {rows} rows each is too large; take fewer")
        self._names = core.engine(equations, input_size, hidden_size)
        numbers = plan(compile_program(equations), input_size, hidden_size)
        value = numbers["new_values"][0]
        if output_size:
            value = _add_output(numbers, len(self._names.biases), output_size, squash)
        self.output_size = numbers["values"][value][1]
        self._core = core.population(numbers, self.dtype.name == "float64", self.networks, self.rows, value)
        self._states = {name: self._core.state(i) for i, name in enumerate(self._names.states)}

    def views(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Return the parameters [P, ...] by name, as views of weights [P, N]."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + prod(shape)
            found[name] = weights[:, start:stop].reshape(len(weights), *shape)
            start = stop
        return found

    def places(self, name: str) -> np.ndarray:
        """Return where a parameter's numbers are among the N, in its shape."""
        return self.views(np.arange(self.size)[None])[name][0]

    def load(self, weights: Any) -> None:
        """Take the weights of all networks, [P, N]; the states stay. They are read now.

        Raises:
            InputError: they have another shape, or are no numbers.
        """
        try:
            held = np.ascontiguousarray(weights, self.dtype)
        except (TypeError, ValueError) as error:
            raise InputError(f"weights are no array of {self.dtype.name}: {error}") from error
        if held.shape != (self.networks, self.size):
            raise InputError(f"weights have shape {held.shape}, expected {(self.networks, self.size)}")
        at = {name: view.ctypes.data for name, view in self.views(held).items()}
        layer = [name for name in ("out",) if "weight_out" in at]
        blocks, biases = [*self._names.blocks, *layer], [*self._names.biases, *layer]
        self._core.load(
            [at[f"weight_{block}"] for block in blocks],
            [at.get(f"bias_{block}", 0) for block in biases],
            [at[name] for name in self._names.vectors],
            self.size,
        )

    def step(self, x: Any, output: Any = None) -> Any:
        """Take one step and return the outputs.

        Args:
            x: [P, K, I], dense, of the population's dtype.
            output: [P, K, O], is overwritten and returned; a new array if absent.

        Raises:
            InputError: an array has the wrong shape or dtype, or is not dense.
        """
        if output is None:
            output = np.empty((self.networks, self.rows, self.output_size), self.dtype)
        try:
            self._core.step(x, output)
        except TypeError:
            wanted = f"x {(self.networks, self.rows, self.input_size)}, output {output.shape}"
            got = f"x {getattr(x, 'shape', type(x).__name__)} of {getattr(x, 'dtype', 'no dtype')}"
            raise InputError(f"a step takes dense {self.dtype.name} arrays on the CPU, {wanted}; got {got}") from None
        return output

    def reset(self, mask: Any = None) -> None:
        """Return to states of zeros: all rows, or those of a mask [P, K] of booleans.

        Raises:
            InputError: the mask is none, or has another shape.
        """
        if mask is None:
            self._core.reset(0)
            return
        mask = np.ascontiguousarray(mask)
        if mask.dtype != bool or mask.shape != (self.networks, self.rows):
            wanted = f"a mask of booleans {(self.networks, self.rows)}"
            raise InputError(f"reset takes {wanted}, got {mask.shape} of {mask.dtype}")
        self._core.reset(mask.ctypes.data)


def _shapes(equations: Equations, inputs: int, hidden: int, outputs: int, width: int) -> dict[str, tuple[int, ...]]:
    shapes = {p.name: tuple(p.shape) for p in equations.parameters(inputs, hidden)}
    shapes = {name: shape for name, shape in shapes.items() if not name.startswith("bias_") or name == "bias_ih"}
    return shapes | ({"weight_out": (outputs, width), "bias_out": (outputs,)} if outputs else {})


def _add_output(numbers: dict[str, Any], biases: int, size: int, squash: str | None) -> int:
    """Add an output layer to the numbers of a plan of so many biases, as a last stage; return its result's number."""
    source, values = numbers["new_values"][0], numbers["values"]
    width = values[source][1]
    # The first value after those of the cell is the one that nobody reads: operations have its number.
    values += [(KINDS["row"], max(size, *(value[1] for value in values)), 0, 0.0)]
    nobody, target = len(values) - 1, len(values)
    values += [(KINDS["row"], size, 0, 0.0)] * (2 if squash else 1)
    term = (source, len(numbers["block_rows"]), biases, False, [0], [0])
    numbers["block_rows"].append(size)
    numbers["block_columns"].append(width)
    rows = [(OPCODES[squash], target + 1, [target, nobody, nobody], size)] if squash else []
    numbers["forward"].append(([(size, [target], [term])], [], rows))
    return len(values) - 1
