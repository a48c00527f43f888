"""What is computed: one cell at one shape, the values that both sides share, and one run of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp, vmap

from benchmarks.shapes import Shape
from keepgate.nn import Recurrent

__all__ = ["Frozen", "Population", "Problem", "Ragged", "Recomputed", "Step", "Streaming"]

# One run; gives what both sides must agree on: in training the output and the gradients of the input and of every
# parameter, in inference the output and the final state.
Step = Callable[[], Sequence[Any]]


class Problem:
    """A layer of a cell, its input, its initial state and the cotangent of its output.

    Inference goes on from a given state, as streaming does; training begins at zero.

    Attributes:
        x: [T, B, I].
        state: as the layer takes it, [1, B, W] for each state.
        cotangent: [T, B, W], scaled so that gradients of weights do not grow with T and B.
        options: keywords of the layer's call.
    """

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        torch.manual_seed(0)
        self.cell, self.shape, self.mode = cell, shape, mode
        self.layer = self.make("native")
        rows = (shape.steps, shape.batch)
        self.x = torch.randn(*rows, shape.inputs, requires_grad=mode == "train")
        states = [torch.randn(1, shape.batch, width) / 2 for width in self.layer.widths.values()]
        self.state: Any = tuple(states) if len(states) > 1 else states[0]
        self.cotangent = torch.randn(*rows, self.layer.output_size) / math.sqrt(shape.steps * shape.batch)
        given = {name: torch.rand(*rows, 1) for name in self.layer.equations.step_inputs}
        self.options: dict[str, Any] = {"step_inputs": given} if given else {}

    def make(self, engine: str) -> Recurrent:
        """Return a layer of the cell.

        With gains of 1 a normalized recurrence is chaotic: over 100 steps it magnifies the last bit of float32 to 1 %,
        so that no two programs agree. Cooijmans et al. 2017, "Recurrent Batch Normalization", begin at 0.1 as well.
        """
        layer = Recurrent(self.cell, self.shape.inputs, self.shape.hidden, backend=engine)
        for name, parameter in layer.named_parameters():
            if name.startswith("gain"):
                nn.init.constant_(parameter, 0.1)
        return layer

    def ours(self) -> Step:
        """Return one run of keepgate."""
        return self.run(self.layer, **self.options)

    def reference(self) -> Step:
        """Return one run of the same layer on the reference engine."""
        layer = self.make("reference")
        layer.load_state_dict(self.layer.state_dict())
        return self.run(layer, **self.options)

    def run(self, layer: nn.Module, **options: Any) -> Step:
        """Return one run of a layer that has torch's interface."""
        if self.mode == "inference":
            layer.eval()

            def infer() -> Sequence[Tensor]:
                output, state = layer(self.x, self.state, **options)
                return (output, *state) if isinstance(state, tuple) else (output, state)

            return infer
        return self.train(lambda: layer(self.x, **options)[0], layer.parameters())

    def train(self, forward: Callable[[], Tensor], parameters: Any) -> Step:
        """Return one run forward and backward."""
        wanted = (self.x, *parameters)

        def step() -> Sequence[Tensor]:
            output = forward()
            return output, *torch.autograd.grad(output, wanted, self.cotangent)

        return step

    def operations(self) -> int:
        """Return the floating-point operations of one run's products; backward takes twice those of forward."""
        weights = sum(p.numel() for name, p in self.layer.named_parameters() if name.startswith("weight"))
        forward = 2 * weights * self.shape.steps * self.shape.batch
        return forward if self.mode == "inference" else 3 * forward


class Ragged(Problem):
    """Rows of lengths from 1 to T, evenly spread and shuffled; what lies behind them has no gradient."""

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        super().__init__(cell, shape, mode)
        even = torch.linspace(1, shape.steps, shape.batch).round().long()
        self.lengths = even[torch.randperm(shape.batch)]
        self.options["lengths"] = self.lengths
        ended = torch.arange(shape.steps)[:, None] >= self.lengths
        self.cotangent = self.cotangent.masked_fill(ended[:, :, None], 0.0)


class Recomputed(Problem):
    """Training that keeps every k-th state and computes the steps between again."""

    def make(self, engine: str) -> Recurrent:
        """Return a layer of the cell."""
        layer = super().make(engine)
        layer.recompute = True
        return layer


class Streaming(Problem):
    """One step of a stream, whose states stay where they are: both sides agree on the output alone.

    Attributes:
        mode: ``inference``, or how the weights are stored.
    """

    def stored(self, storage: str) -> Step:
        """Return one step with weights stored so; the first run begins at the given state."""
        stream, x, output = self.layer.stream(self.shape.batch, storage), self.x[0], torch.empty_like(self.cotangent[0])
        stream.state = self.state

        def step() -> Sequence[Tensor]:
            return (stream.step(x, output)[None],)

        return step

    def ours(self) -> Step:
        """Return one step of keepgate."""
        return self.stored("full" if self.mode == "inference" else self.mode)


class Frozen(Problem):
    """A frozen layer on whole sequences.

    Attributes:
        mode: ``inference``, or how the weights are stored.
    """

    def stored(self, storage: str) -> Step:
        """Return one run with weights stored so."""
        layer = self.layer.frozen(storage)

        def infer() -> Sequence[Tensor]:
            output, state = layer(self.x, self.state)
            return output, *state

        return infer

    def ours(self) -> Step:
        """Return one run of keepgate."""
        return self.stored("full" if self.mode == "inference" else self.mode)


class Population(Problem):
    """Many networks of one kind, each with weights and input of its own, as one `vmap`."""

    NETWORKS = 64

    def __init__(self, cell: str, shape: Shape, mode: str) -> None:
        super().__init__(cell, shape, mode)
        layers = [self.make("native") for _ in range(self.NETWORKS)]
        names = list(self.layer.state_dict())
        self.weights = {name: torch.stack([layer.state_dict()[name] for layer in layers]) for name in names}
        self.x = torch.randn(self.NETWORKS, *self.x.shape)
        self.cotangent = self.cotangent.expand(self.NETWORKS, *self.cotangent.shape)

    def ours(self) -> Step:
        """Return one run of all networks."""

        def output(weights: dict[str, Tensor], x: Tensor) -> Tensor:
            return functional_call(self.layer, weights, (x,))[0]

        def gradient(weights: dict[str, Tensor], x: Tensor, cotangent: Tensor) -> Sequence[Tensor]:
            value, pull, *_ = vjp(output, weights, x)
            d_weights, dx = pull(cotangent)
            return value, dx, *d_weights.values()

        if self.mode == "inference":
            return lambda: (vmap(output)(self.weights, self.x),)
        return lambda: vmap(gradient)(self.weights, self.x, self.cotangent)
