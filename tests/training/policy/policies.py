"""Small policies, and windows of experience of theirs."""

import numpy as np
import torch

from keepgate.actions import Inputs
from keepgate.cells import get
from keepgate.networks import Recurrent
from keepgate.tasks.control.network import ControlNetwork, controller
from keepgate.training.policy.rollout import Collector


def policy(rows, hidden=8, layers=1, cell="lstm", previous=False, shared=False, seed=0):
    """A network and its inputs for rows of an environment; its policy is far from uniform."""
    inputs = Inputs(rows.width, rows.actions, previous)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        block = Recurrent(get(cell).equations, inputs.size, hidden, num_layers=layers)
        network = ControlNetwork(controller(block, rows.actions.outputs, shared))
    with torch.no_grad():
        network.get_parameter("policy.weight").mul_(100)
    return network, inputs


def collected(rows, network, inputs, steps, windows=1, seed=0):
    """The last of some windows."""
    collector = Collector(rows, network, inputs, np.random.default_rng(seed))
    collector.begin(np.arange(rows.count) + seed)
    return [collector.collect(steps) for _ in range(windows)][-1]
