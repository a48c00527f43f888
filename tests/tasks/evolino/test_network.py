from __future__ import annotations

import numpy as np
import torch

from keepgate import networks as blocks
from keepgate.cells import get
from keepgate.native import Population
from keepgate.tasks.evolino.network import EvolinoNetwork, evolino


def test_what_is_put_is_taken_and_runs_as_the_population_does():
    equations, random = get("lstm").equations, np.random.default_rng(0)
    network = EvolinoNetwork(evolino(blocks.Recurrent(equations, 1, 4)))
    network.scale([random.standard_normal((50, 1)) * 3 + 2])
    networks = Population(equations, 1, 4, 0, networks=1, dtype=np.float64)
    weights, outputs = random.standard_normal((1, networks.size)).astype(np.float32), random.standard_normal(5)
    outputs = outputs.astype(np.float32).astype(float)
    network.put({name: value[0] for name, value in networks.views(weights).items()}, outputs)
    cells, again = network.taken(networks.shapes)
    assert cells.tobytes() == weights[0].tobytes()
    assert again.tolist() == outputs.tolist()
    assert not network.get_parameter("recurrent.bias_hh_l0").any()
    networks.load(weights)
    x = random.standard_normal(20)
    states = [networks.step(np.full((1, 1, 1), network.standardised(value)))[0, 0] for value in x]
    expected = network.restored(np.array(states) @ outputs[:-1] + outputs[-1])
    found = network.run({"x": torch.from_numpy(x[None, :, None])}, "next")[0, :, 0].detach().numpy()
    assert np.abs(found - expected).max() < 1e-5
