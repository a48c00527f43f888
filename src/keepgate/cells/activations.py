"""Modifiers that change the squashing functions of a cell.

>>> from keepgate.cells import LSTM, activation
>>> print(activation(LSTM(), "relu").equations.named["g"])
relu(W_g x[t] + U_g h[t-1] + b_g)
"""

from __future__ import annotations

from collections.abc import Callable

from keepgate.cells.modifiers import memory_of, modified
from keepgate.equations import (
    Cell,
    Expression,
    absolute,
    exp,
    maximum,
    minimum,
    relu,
    sigmoid,
    softplus,
    tanh,
    where,
)
from keepgate.errors import CellError, InputError, quoted

__all__ = ["FUNCTIONS", "activation", "no_output_activation"]

FUNCTIONS: dict[str, Callable[[Expression], Expression]] = {
    "tanh": tanh,
    "sigmoid": sigmoid,
    "relu": relu,
    "softplus": softplus,
    "identity": lambda x: x,
    "softsign": lambda x: x / (1 + absolute(x)),
    "elu": lambda x: where(x > 0, x, exp(minimum(x, 0)) - 1),
    "silu": lambda x: x * sigmoid(x),
    "hard_tanh": lambda x: maximum(minimum(x, 1), -1),
    "hard_sigmoid": lambda x: maximum(minimum(x / 6 + 0.5, 1), 0),
}


def activation(cell: Cell, function: str = "tanh", gate: str = "sigmoid") -> Cell:
    """Put `function` in the place of every tanh and `gate` in that of every sigmoid.

    The functions are those of torch: tanh, sigmoid, relu, softplus, identity, softsign, elu, silu, hard_tanh and
    hard_sigmoid (x / 6 + 1 / 2 within 0 and 1).

    Raises:
        InputError: there is no such function.
    """
    chosen = {"tanh": function, "sigmoid": gate}
    for name in chosen.values():
        if name not in FUNCTIONS:
            raise InputError(f"activation: a function is one of {', '.join(FUNCTIONS)}; got {quoted(name)}")

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        name = chosen.get(node.op, node.op)
        return None if name == node.op else FUNCTIONS[name](args[0])

    name = f"activation({cell.name}, {function!r}" + (")" if gate == "sigmoid" else f", {gate!r})")
    return modified(cell, cell.equations.rewrite(rule, name), f"activation {function}")


def no_output_activation(cell: Cell) -> Cell:
    """Read the cell without squashing: h = o * c. Gers & Schmidhuber 2001, section 2, suggest it for peepholes.

    Raises:
        CellError: the cell has no tanh of its new state c.
    """
    memory = memory_of(cell.equations)
    squashed = [n for n in cell.equations.nodes if n.op == "tanh" and n.args[0] is memory]
    if not squashed:
        raise CellError(f"{cell.name} has no tanh of its new state c to remove")

    def rule(node: Expression, args: tuple[Expression, ...]) -> Expression | None:
        return args[0] if node in squashed else None

    equations = cell.equations.rewrite(rule, f"no_output_activation({cell.name})")
    return modified(cell, equations, "identity output activation")
