"""Run a problem on an engine, forwards and backwards; an engine is covered by appearing in `keepgate.scan.ENGINES`."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from conformance.problems import Outcome, Problem
from keepgate.scan import ENGINES

__all__ = ["HERE", "differentiate", "run"]

HERE = [name for name, engine in ENGINES.items() if not engine.unavailable()]
DEVICE = {"cudnn": "cuda", "gpu": "cuda"}
PARTIAL = ("cudnn",)  # engines that are for some cells alone; any other takes every problem of the suite


def run(engine: str, problem: Problem) -> Outcome:
    """Return the engine's outcome, on the CPU; skip the test where a partial engine says that it cannot."""
    problem = problem.to(DEVICE.get(engine, "cpu"))
    chosen = ENGINES[engine]
    if reason := chosen.refuses(problem.equations, problem.parameters, problem.arguments):
        (pytest.skip if engine in PARTIAL else pytest.fail)(f"{engine} refuses: {reason}")
    return differentiate(chosen.run, problem)


def differentiate(scan, problem: Problem) -> Outcome:
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
