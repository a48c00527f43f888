"""`keepgate cells`: the table of the registered cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

from keepgate.cells import modifiers, registry
from keepgate.cli import parser
from keepgate.cli.text import table

EXAMPLE = """\
  keepgate cells
  keepgate show gru
  keepgate fit classify train.ts --cell "layer_norm(gru)" --out runs/gru"""

SIZE = 128


def main(arguments: Sequence[str]) -> None:
    """Print name, paper, states, gates and number of parameters of every cell."""
    parser("cells", "List the recurrent cells, and the modifiers that turn one into another.", EXAMPLE).parse_args(
        arguments
    )
    rows = []
    for name, cell in registry().items():
        equations = cell().equations
        count = sum(math.prod(parameter.shape) for parameter in equations.parameters(SIZE, SIZE))
        rows.append(
            {
                "name": name,
                "paper": cell.paper,
                "states": " ".join(equations.states),
                "gates": " ".join(equations.gates),
                f"parameters (I = H = {SIZE})": f"{count:,}",
            }
        )
    print(table(rows))
    print(f"\nmodifiers: {', '.join(modifiers())}; a cell of your own: path/to/file.py:Name")
