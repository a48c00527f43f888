"""`keepgate show`: the equations of a cell."""

from __future__ import annotations

from collections.abc import Sequence

from keepgate.cells import get
from keepgate.cli import parser

EXAMPLE = """\
  keepgate show peephole_lstm
  keepgate show "zoneout(lstm, 0.1)" --latex
  keepgate show my_cells.py:MyCell"""


def main(arguments: Sequence[str]) -> None:
    """Print the equations of the cell that is named, for a terminal or as LaTeX."""
    flags = parser("show", "Show the equations of a cell; products of two vectors are unit by unit.", EXAMPLE)
    flags.add_argument("cell", metavar="CELL", help="a name from `keepgate cells`, or path/to/file.py:Name")
    flags.add_argument("--latex", action="store_true", help="as a LaTeX aligned block")
    options = flags.parse_args(arguments)
    cell = get(options.cell)
    if options.latex:
        print(cell.equations.latex())
        return
    print(cell.name + (f" ({cell.paper})" if cell.paper else ""))
    print()
    print(cell.equations)
