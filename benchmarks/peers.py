"""The other side: one class for each implementation that keepgate is measured against; here torch and ourselves."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from benchmarks.problems import Frozen, Population, Problem, Ragged, Step, Streaming
from benchmarks.steps import MixedTrainingStep, TrainingStep

__all__ = [
    "Kept",
    "Matmul",
    "Padded",
    "Peer",
    "PlainLSTM",
    "Streamed",
    "TorchAutocast",
    "TorchCalls",
    "TorchLSTMCell",
    "TorchLoop",
    "TorchModule",
    "TorchPacked",
    "WholePrecision",
    "WholeWeights",
]


class Peer:
    """An implementation beside ours.

    Attributes:
        name: as the table shows it.
        packages: what must be installed beyond torch.
    """

    name: str
    packages: tuple[str, ...] = ()

    def missing(self) -> str | None:
        """Return why it cannot be measured here, or None."""
        absent = [name for name in self.packages if importlib.util.find_spec(name) is None]
        return f"{absent[0]} is not installed; run: pip install 'keepgate[bench]'" if absent else None

    def step(self, problem: Any) -> Step:
        """Return one run of it."""
        raise NotImplementedError

    def check(self, problem: Any, step: Step) -> Step:
        """Return the run whose values ours must have: its own, if it computes the same."""
        return step

    def work(self, problem: Any) -> float:
        """Return our work over its work in one run: 1, if it computes the same."""
        return 1.0


class TorchModule(Peer):
    """The module of torch.nn with the same weights: fused kernels of oneDNN where torch has them."""

    def __init__(self, kind: str) -> None:
        self.name, self.kind = f"torch.nn.{kind}", kind

    def module(self, problem: Problem) -> nn.Module:
        """Return the module with the weights of our layer."""
        module = getattr(nn, self.kind)(problem.shape.inputs, problem.shape.hidden)
        module.load_state_dict(problem.layer.state_dict())
        return module

    def step(self, problem: Problem) -> Step:
        """Return one run of it."""
        return problem.run(self.module(problem))


class TorchLSTMCell(Peer):
    """torch's module for single steps."""

    name = "torch.nn.LSTMCell"

    def step(self, problem: Problem) -> Step:
        """Return one step of it."""
        cell = nn.LSTMCell(problem.shape.inputs, problem.shape.hidden).eval()
        weights = problem.layer.state_dict()
        cell.load_state_dict({name.removesuffix("_l0"): value for name, value in weights.items()})
        x, state = problem.x[0], tuple(value[0] for value in problem.state)
        return lambda: cell(x, state)

    def check(self, problem: Problem, step: Step) -> Step:
        """Return it with the axes of an LSTM."""

        def infer() -> Sequence[Tensor]:
            h, c = step()
            return h[None], h[None], c[None]

        return infer


class Streamed(Peer):
    """Another peer, of whose results only the output is compared."""

    def __init__(self, peer: Peer) -> None:
        self.peer, self.name, self.packages = peer, peer.name, peer.packages

    def step(self, problem: Any) -> Step:
        """Return one run of it; the time is that of the peer alone."""
        return self.peer.step(problem)

    def check(self, problem: Any, step: Step) -> Step:
        """Return its output."""
        whole = self.peer.check(problem, step)
        return lambda: whole()[:1]


class WholeWeights(Peer):
    """Ourselves with weights of float32: the ratio is what fewer bits gain, the error what they cost."""

    name = "keepgate, float32 weights"

    def step(self, problem: Streaming | Frozen) -> Step:
        """Return one run of it."""
        return problem.stored("full")


class WholePrecision(Peer):
    """Ourselves without autocast: the ratio is what bfloat16 gains, the error what it costs."""

    name = "keepgate, float32"

    def step(self, problem: MixedTrainingStep) -> Step:
        """Return one run of it."""
        return TrainingStep(problem.cell, problem.shape, problem.mode).ours()


class TorchAutocast(TorchModule):
    """torch.nn.LSTM under the same autocast."""

    def __init__(self) -> None:
        super().__init__("LSTM")
        self.name = "torch.nn.LSTM under autocast"


class TorchPacked(TorchModule):
    """torch.nn.LSTM on a PackedSequence; packing and padding are part of it, as they are of a script that does so."""

    def __init__(self) -> None:
        super().__init__("LSTM")
        self.name = "torch.nn.LSTM, packed"

    def step(self, problem: Ragged) -> Step:
        """Return one run of it."""
        module = self.module(problem)

        def forward() -> Tensor:
            packed = pack_padded_sequence(problem.x, problem.lengths, enforce_sorted=False)
            return pad_packed_sequence(module(packed)[0], total_length=problem.shape.steps)[0]

        return problem.train(forward, module.parameters())


class Kept(Peer):
    """Ourselves, keeping every step."""

    name = "keepgate, every step kept"

    def step(self, problem: Problem) -> Step:
        """Return one run of it."""
        return Problem(problem.cell, problem.shape, problem.mode).ours()


class Padded(Peer):
    """Ourselves, not told the lengths."""

    name = "keepgate, padded"

    def step(self, problem: Ragged) -> Step:
        """Return one run over all steps."""
        return problem.run(problem.layer)

    def check(self, problem: Ragged, step: Step) -> Step:
        """Return torch's: a padded output differs behind the lengths."""
        return TorchPacked().step(problem)


class TorchCalls(TorchModule):
    """A torch.nn.LSTM for each network, called one after the other."""

    def __init__(self) -> None:
        super().__init__("LSTM")
        self.name = f"{Population.NETWORKS} calls of torch.nn.LSTM"

    def step(self, problem: Population) -> Step:
        """Return one run of all networks; each value is a tuple over networks."""
        modules = [self.module(problem) for _ in range(problem.NETWORKS)]
        for i, module in enumerate(modules):
            module.load_state_dict({name: value[i] for name, value in problem.weights.items()})
        if problem.mode == "inference":
            return lambda: (tuple(module(x)[0] for module, x in zip(modules, problem.x, strict=True)),)
        wanted = [(x.clone().requires_grad_(), *m.parameters()) for m, x in zip(modules, problem.x, strict=True)]

        def train() -> Sequence[tuple[Tensor, ...]]:
            results = []
            for module, tensors, cotangent in zip(modules, wanted, problem.cotangent, strict=True):
                output = module(tensors[0])[0]
                results.append((output, *torch.autograd.grad(output, tensors, cotangent)))
            return tuple(zip(*results, strict=True))

        return train


class Matmul(Peer):
    """One large float32 product of torch: the ratio is our share of the rate that the machine gives it."""

    name = "torch matmul"
    SIZE = 2048

    def step(self, problem: Problem) -> Step:
        """Return one product."""
        a, b = torch.randn(2, self.SIZE, self.SIZE)
        return lambda: (a @ b,)

    def check(self, problem: Problem, step: Step) -> Step:
        """Return torch's LSTM."""
        return TorchModule("LSTM").step(problem)

    def work(self, problem: Problem) -> float:
        """Return our operations over those of the product."""
        return problem.operations() / (2 * self.SIZE**3)


class PlainLSTM(Peer):
    """Our own plain LSTM at the same shape; the ratio is per floating-point operation of the products."""

    name = "keepgate lstm, per operation"

    def step(self, problem: Problem) -> Step:
        """Return one run of it."""
        return self.problem(problem).ours()

    def check(self, problem: Problem, step: Step) -> Step:
        """Return the cell on the reference engine."""
        return problem.reference()

    def work(self, problem: Problem) -> float:
        """Return the operations of the cell's products over those of the plain LSTM's."""
        return problem.operations() / self.problem(problem).operations()

    def problem(self, problem: Problem) -> Problem:
        """Return the plain LSTM at the same shape."""
        return Problem("lstm", problem.shape, problem.mode)


class TorchLoop(Peer):
    """The LSTM as a loop over steps, written with torch's operations; the product of the input is taken out of it."""

    name = "torch loop"

    def step(self, problem: Problem) -> Step:
        """Return one run of it."""
        weights = tuple(p.detach().clone().requires_grad_() for p in problem.layer.parameters())
        if problem.mode == "inference":

            def infer() -> Sequence[Tensor]:
                output, state = self.scan(problem.x, problem.state, *weights)
                return output, *state

            return infer
        zeros = tuple(torch.zeros_like(value) for value in problem.state)
        return problem.train(lambda: self.scan(problem.x, zeros, *weights)[0], weights)

    @staticmethod
    def scan(
        x: Tensor, state: Sequence[Tensor], w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Return the output and the final state."""
        h, c = (value[0] for value in state)
        outputs = []
        for given in nn.functional.linear(x, w_ih, b_ih + b_hh):
            i, f, g, o = torch.addmm(given, h, w_hh.t()).chunk(4, 1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
            outputs.append(h)
        return torch.stack(outputs), (h[None], c[None])
