"""What follows from the sizes of recurrent layers, as data and as a torch module alike."""

from __future__ import annotations

from keepgate.equations import Equations

__all__ = ["LayerSizes"]


class LayerSizes:
    """Mixin: directions, names and widths of layers of a cell.

    Attributes:
        equations: of the cell.
        input_size: I.
        hidden_size: H.
        num_layers: stacked layers.
        bidirectional: whether each layer also runs from the last step to the first.
    """

    equations: Equations
    input_size: int
    hidden_size: int
    num_layers: int
    bidirectional: bool

    @property
    def directions(self) -> int:
        """1, or 2 if bidirectional."""
        return 2 if self.bidirectional else 1

    @property
    def suffixes(self) -> list[str]:
        """The suffixes of the names of the tensors of each layer and direction, in the order of the states."""
        return [f"_l{n}{way}" for n in range(self.num_layers) for way in ("", "_reverse")[: self.directions]]

    @property
    def widths(self) -> dict[str, int]:
        """Width of each state."""
        size = self.equations.resolve(self.input_size, self.hidden_size)
        return {state: size[width] for state, width in self.equations.widths.items()}

    @property
    def output_size(self) -> int:
        """The width of the output: that of the first state, times the directions."""
        return self.widths[self.equations.states[0]] * self.directions
