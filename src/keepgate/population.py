"""Networks of one cell that step together, each with weights of its own: policies and candidates tried by thousands.

    import numpy as np
    from keepgate.cells import get
    from keepgate.population import Population

    networks = Population(get("lstm").equations, input_size=2, hidden_size=16, output_size=1, networks=256, rows=4)
    networks.load(np.zeros((256, networks.size), np.float32))
    networks.step(np.ones((256, 4, 2), np.float32))     # [256, 4, 1]

It is `keepgate.native.Population`; the algorithms that find weights are in `keepgate.training.evolution`. No torch.
"""

from keepgate.native.population import SQUASHES, Population

__all__ = ["SQUASHES", "Population"]
