"""The language of cells: a recurrent cell is written once, as its published equations.

>>> from keepgate.equations import Cell, affine, sigmoid, tanh
>>> class Minimal(Cell):
...     state = ("h",)
...
...     def step(self, x, last):
...         f = sigmoid(affine("f", x, last.h))
...         return self.State(h=f * last.h + (1 - f) * tanh(affine("n", x)))
>>> print(Minimal().equations)
f[t] = sigmoid(W_f x[t] + U_f h[t-1] + b_f)
h[t] = f[t] * h[t-1] + (1 - f[t]) * tanh(W_n x[t] + b_n)
"""

from keepgate.equations.cell import Cell, WrittenCell
from keepgate.equations.expression import Expression, constant
from keepgate.equations.graph import Equations, Parameter
from keepgate.equations.language import (
    absolute,
    affine,
    bernoulli,
    exp,
    log,
    maximum,
    mean,
    minimum,
    normalize,
    relu,
    sigmoid,
    size,
    softplus,
    sqrt,
    step_input,
    tanh,
    vector,
    where,
)
from keepgate.equations.program import Program
from keepgate.equations.staging import compile_program

__all__ = [
    "Cell",
    "Equations",
    "Expression",
    "Parameter",
    "Program",
    "WrittenCell",
    "absolute",
    "affine",
    "bernoulli",
    "compile_program",
    "constant",
    "exp",
    "log",
    "maximum",
    "mean",
    "minimum",
    "normalize",
    "relu",
    "sigmoid",
    "size",
    "softplus",
    "sqrt",
    "step_input",
    "tanh",
    "vector",
    "where",
]
