"""Peers from other packages, which the extra `bench` brings; each is imported when it is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from benchmarks.peers import Peer
from benchmarks.problems import Problem, Step

__all__ = ["JaxScan", "OnnxRuntime", "TorchRecurrentPeephole"]


class TorchRecurrentPeephole(Peer):
    """Peephole LSTM of the package torchrecurrent: many cells, each a loop over torch's operations."""

    name = "torchrecurrent.PeepholeLSTM"
    packages = ("torchrecurrent",)

    def step(self, problem: Problem) -> Step:
        """Return one run of it, its gradients in our order: its peepholes are one vector."""
        from torchrecurrent import PeepholeLSTM

        module = PeepholeLSTM(problem.shape.inputs, problem.shape.hidden)
        weights = {name.removesuffix("_l0"): value for name, value in problem.layer.state_dict().items()}
        weights["weight_ph"] = torch.cat([weights.pop(f"p_{gate}") for gate in "ifo"])
        module.cells[0].load_state_dict(weights)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_ph")
        run = problem.train(lambda: module(problem.x)[0], [getattr(module.cells[0], name) for name in names])

        def train() -> Sequence[Tensor]:
            *values, peepholes = run()
            return *values, *peepholes.chunk(3)

        return train


class OnnxRuntime(Peer):
    """ONNX Runtime's LSTM operator, from NumPy arrays to NumPy arrays."""

    name = "ONNX Runtime"
    packages = ("onnxruntime", "onnx")

    def step(self, problem: Problem) -> Step:
        """Return one run of it."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        model = self.model(problem).SerializeToString()
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names, values = ("x", "h", "c"), (problem.x, *problem.state)
        feed = {name: value.numpy() for name, value in zip(names, values, strict=True)}
        return lambda: session.run(None, feed)

    def check(self, problem: Problem, step: Step) -> Step:
        """Return it without the axis of directions."""

        def infer() -> Sequence[Any]:
            output, *state = step()
            return output[:, 0], *state

        return infer

    def model(self, problem: Problem) -> Any:
        """Return a model of one LSTM node; its gates are in the order i, o, f, g."""
        from onnx import TensorProto, helper, numpy_helper

        def gates(value: Tensor) -> Tensor:
            i, f, g, o = value.chunk(4)
            return torch.cat([i, o, f, g])

        w_ih, w_hh, b_ih, b_hh = (gates(p.detach()) for p in problem.layer.parameters())
        constants = {"W": w_ih, "R": w_hh, "B": torch.cat([b_ih, b_hh])}
        steps, batch, inputs, hidden = problem.shape
        state = (1, batch, hidden)

        def infos(**shapes: tuple[int, ...]) -> list[Any]:
            return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]

        results = ["output", "h_n", "c_n"]
        node = helper.make_node("LSTM", ["x", "W", "R", "B", "", "h", "c"], results, hidden_size=hidden)
        graph = helper.make_graph(
            [node],
            "lstm",
            infos(x=(steps, batch, inputs), h=state, c=state),
            infos(output=(steps, 1, batch, hidden), h_n=state, c_n=state),
            [numpy_helper.from_array(value[None].numpy(), name) for name, value in constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)


class JaxScan(Peer):
    """JAX's `lax.scan`, compiled; the product of the input is taken out of it."""

    name = "JAX lax.scan"
    packages = ("jax",)

    def step(self, problem: Problem) -> Step:
        """Return one run of it, waited for."""
        import jax

        def array(value: Tensor) -> Any:
            return jax.numpy.asarray(value.detach().numpy())

        x, cotangent = array(problem.x), array(problem.cotangent)
        weights = tuple(array(p) for p in problem.layer.parameters())
        state = tuple(array(value[0]) for value in problem.state)

        def infer(weights: Any, x: Any, state: Any) -> Any:
            output, final = self.scan(weights, x, state)
            return output, *(value[None] for value in final)

        def train(weights: Any, x: Any, state: Any) -> Any:
            zeros = jax.tree.map(jax.numpy.zeros_like, state)
            output, pull = jax.vjp(lambda x, weights: self.scan(weights, x, zeros)[0], x, weights)
            dx, d_weights = pull(cotangent)
            return output, dx, *d_weights

        run = jax.jit(train if problem.mode == "train" else infer)
        return lambda: jax.block_until_ready(run(weights, x, state))

    @staticmethod
    def scan(weights: Any, x: Any, state: Any) -> Any:
        """Return the output and the final state."""
        import jax

        w_ih, w_hh, b_ih, b_hh = weights
        sigmoid, tanh = jax.nn.sigmoid, jax.numpy.tanh

        def step(last: Any, given: Any) -> Any:
            h, c = last
            i, f, g, o = jax.numpy.split(given + h @ w_hh.T, 4, -1)
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            h = sigmoid(o) * tanh(c)
            return (h, c), h

        final, output = jax.lax.scan(step, state, x @ w_ih.T + (b_ih + b_hh))
        return output, final
