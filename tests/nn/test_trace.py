"""`torch.jit.trace` of a module with layers in it: the same numbers at any length and batch, also from a file."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

from keepgate.nn import GRU, LSTM, LSTMCell
from native.process import python

# torch warns of each comparison of a shape; which hold at any shape.
pytestmark = pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit.*:DeprecationWarning")


class Model(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer, self.output = layer, nn.Linear(layer.output_size, 3)

    def forward(self, x):
        return self.output(self.layer(x)[0])


LAYERS = {
    "lstm": lambda: LSTM(4, 6),
    "deep": lambda: LSTM(4, 6, num_layers=2, bidirectional=True, proj_size=2),
    "gru": lambda: GRU(4, 6),
    "peepholes": lambda: LSTM(4, 6, cell="layer_norm(peephole_lstm)"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_traced_model_is_the_model_at_any_size(name):
    model, file = Model(LAYERS[name]()).eval(), io.BytesIO()
    traced = torch.jit.trace(model, torch.randn(5, 2, 4))
    torch.jit.save(traced, file)
    file.seek(0)
    read = torch.jit.load(file)
    for size in ((5, 2, 4), (9, 3, 4), (1, 1, 4), (0, 2, 4)):
        x = torch.randn(size)
        assert torch.equal(traced(x), model(x))
        assert torch.equal(read(x), model(x))
    with pytest.raises(Exception, match=r"ShapeError: expected .* of shape"):
        traced(torch.randn(5, 2, 5))


def test_lengths_are_an_input_of_the_trace():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = LSTM(4, 6)

        def forward(self, x, lengths):
            return self.layer(x, None, lengths)[1][0]

    model = Last().eval()
    traced = torch.jit.trace(model, (torch.randn(5, 2, 4), torch.tensor([5, 2])))
    x, lengths = torch.randn(7, 3, 4), torch.tensor([1, 7, 0])
    assert torch.equal(traced(x, lengths), model(x, lengths))


def test_a_trace_is_not_trained():
    traced = torch.jit.trace(Model(LSTM(4, 6)), torch.randn(5, 2, 4))
    with pytest.raises(RuntimeError, match="train the layer itself"):
        traced(torch.randn(5, 2, 4)).sum().backward()


def test_a_traced_cell():
    cell = LSTMCell(4, 6)
    traced = torch.jit.trace(cell, torch.randn(3, 4))
    x = torch.randn(5, 4)
    for value, wanted in zip(traced(x), cell(x), strict=True):
        assert torch.equal(value, wanted)


def test_the_graph_for_tensorboard(tmp_path):
    writer = pytest.importorskip("torch.utils.tensorboard.writer")
    with writer.SummaryWriter(str(tmp_path)) as board:
        board.add_graph(Model(LSTM(4, 6)), torch.randn(5, 2, 4))
    assert any(b"traced_scan" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_trace_is_read_where_its_operators_are(tmp_path):
    layer, x = LSTM(4, 6).eval(), torch.randn(3, 2, 4)
    torch.jit.save(torch.jit.trace(layer, torch.randn(5, 2, 4)), tmp_path / "trace.pt")
    torch.save(x, tmp_path / "x.pt")
    script = f"""if True:
        import torch, keepgate.scan.operators
        output, _ = torch.jit.load("{tmp_path}/trace.pt")(torch.load("{tmp_path}/x.pt"))
        torch.save(output.detach(), "{tmp_path}/y.pt")
    """
    done = python("-W", "ignore", "-c", script)
    assert done.returncode == 0, done.stderr
    assert torch.equal(torch.load(tmp_path / "y.pt"), layer(x)[0])
