from __future__ import annotations

import numpy as np
import pytest
import torch

from export.running import run
from keepgate.export.crf import emit_crf
from keepgate.export.graph import BOOL, FLOAT, INT64, Graph
from keepgate.objectives import LinearChainCRF


def exported(crf, tags):
    """The best path and the marginals of emissions x [B, T, C] with `inside` [B, T, 1]."""
    graph = Graph("field")
    x = graph.input("x", FLOAT, ["batch", "time", tags])
    inside = graph.input("inside", BOOL, ["batch", "time", 1])
    tensors = [graph.constant(value.detach().numpy()) for value in (crf.transitions, crf.start, crf.end)]
    path, marginals = emit_crf(graph, FLOAT, x, inside, tensors, tags)
    graph.output("path", path, INT64, ["batch", "time"])
    graph.output("marginals", marginals, FLOAT, ["batch", "time", tags])
    return graph.model()


@pytest.mark.parametrize("lengths", [[5, 5], [1, 5, 3], [4, 2]])
@pytest.mark.parametrize("tags", [1, 2, 4])
def test_path_and_marginals_are_those_of_the_module(lengths, tags):
    torch.manual_seed(tags)
    crf = LinearChainCRF(tags, batch_first=True)
    for value in crf.parameters():
        torch.nn.init.normal_(value)
    x, steps = torch.randn(len(lengths), 5, tags), torch.tensor(lengths)
    inside = (torch.arange(5) < steps[:, None])[..., None]
    path, marginals = run(exported(crf, tags), {"x": x.numpy(), "inside": inside.numpy()})
    wanted = crf.decode(x, steps)
    for row, length in enumerate(lengths):
        assert path[row, :length].tolist() == wanted[row, :length].tolist()
        assert (path[row, length:] == -1).all()
        assert not marginals[row, length:].any()
    with torch.no_grad():
        np.testing.assert_allclose(marginals, np.where(inside, crf.marginals(x, steps), 0.0), atol=1e-5)


def test_what_is_barred_is_never_told():
    """No tag but the first may begin, and none may follow itself."""
    crf = LinearChainCRF(3)
    with torch.no_grad():
        crf.transitions.fill_diagonal_(-torch.inf)
        crf.start[1:] = -torch.inf
    x = torch.randn(4, 6, 3)
    path, marginals = run(exported(crf, 3), {"x": x.numpy(), "inside": np.ones((4, 6, 1), bool)})
    assert (path[:, 0] == 0).all()
    assert (path[:, 1:] != path[:, :-1]).all()
    assert not marginals[:, 0, 1:].any()
    np.testing.assert_allclose(marginals.sum(-1), 1.0, atol=1e-5)
