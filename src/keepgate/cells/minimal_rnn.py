"""Chen 2017, "MinimalRNN: Toward More Interpretable and Trainable Recurrent Neural Networks".

The state is a gated mean of embedded inputs, so that it stays in their space.
"""

from keepgate.equations import Cell, affine, sigmoid, tanh


class MinimalRNN(Cell):
    """Minimal recurrent network."""

    name = "minimal_rnn"
    paper = "Chen 2017"
    state = ("h",)

    def step(self, x, last):
        """Return h after one step."""
        z = tanh(affine("z", x))
        u = sigmoid(affine("u", last.h, m=z))
        return self.State(h=u * last.h + (1 - u) * z)
