"""Run a problem on an engine, forwards and backwards; an engine is covered by appearing in `keepgate.scan.ENGINES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from keepgate.equations import Equations
from keepgate.scan import ENGINES, Arguments, Result
from keepgate.testing.problems import Outcome, Problem

__all__ = ["DEVICE", "differentiate", "here", "run"]

Scan = Callable[[Equations, Mapping[str, Tensor], Arguments], Result]

DEVICE = {"cudnn": "cuda", "gpu": "cuda"}  # of engines that do not run on the CPU


def here() -> list[str]:
    """Return the names of the engines that run on this machine."""
    return [name for name, engine in ENGINES.items() if not engine.unavailable()]


def run(engine: str, problem: Problem) -> Outcome | str:
    """Return the engine's outcome, its tensors on the CPU, or the reason why it cannot run the problem."""
    problem = problem.to(DEVICE.get(engine, "cpu"))
    chosen = ENGINES[engine]
    reason = chosen.refuses(problem.equations, problem.parameters, problem.arguments)
    return reason or differentiate(chosen.run, problem)


def differentiate(scan: Scan, problem: Problem) -> Outcome:
    """Run any function with the signature of an engine and let autograd differentiate it."""
    a = problem.arguments
    leaves = {"x": a.x} | {f"initial {name}": value for name, value in a.state.items()}
    leaves = {k: v.detach().requires_grad_() for k, v in (leaves | dict(a.step_inputs) | problem.parameters).items()}
    arguments = replace(
        a,
        x=leaves["x"],
        state={name: leaves[f"initial {name}"] for name in a.state},
        step_inputs={name: leaves[name] for name in a.step_inputs},
    )
    result = scan(problem.equations, {name: leaves[name] for name in problem.parameters}, arguments)
    output = result.recorded[problem.output]
    loss = (output * problem.d_output).sum()
    for name, cotangent in problem.d_final.items():
        loss = loss + (result.state[name] * cotangent).sum()
    values = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True, materialize_grads=True)
    gradients = {name: value.cpu() for name, value in zip(leaves, values, strict=True)}
    return Outcome(output.detach().cpu(), {k: v.detach().cpu() for k, v in result.state.items()}, gradients)
