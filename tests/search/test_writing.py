"""A candidate's file is the candidate: the same equations, written again the same text, trained to the same bits."""

from __future__ import annotations

from pathlib import Path

import torch

from keepgate import cells
from keepgate.equations import Equations
from keepgate.nn import Recurrent
from keepgate.search.writing import as_written, source
from search.cells import candidates, graph


def reloaded(equations: Equations, folder: Path) -> Equations:
    (folder / "found.py").write_text(source(equations.new, "Found"))
    return cells.get(f"{folder}/found.py:Found").equations


def test_a_file_reloads_to_the_same_equations(tmp_path: Path):
    for child in candidates(1, 60):
        assert reloaded(child.equations, tmp_path).dumps() == child.equations.dumps()


def test_stored_equations_write_the_same_file():
    for child in candidates(2, 30):
        stored = Equations.from_json(child.equations.to_json())
        assert source(stored.new, "Found") == source(child.equations.new, "Found")


def trained(cell: object) -> list[bytes]:
    torch.manual_seed(0)
    layer = Recurrent(cell, 3, 5)
    optimizer = torch.optim.Adam(layer.parameters(), 0.01)
    x = torch.randn(7, 2, 3)
    for _ in range(5):
        loss = layer(x)[0].square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return [p.detach().numpy().tobytes() for p in layer.parameters()]


def test_a_file_trains_to_the_same_bits(tmp_path: Path):
    for child in candidates(4, 6):
        text = f"{tmp_path}/found.py:Found"
        Path(tmp_path, "found.py").write_text(source(child.equations.new, "Found"))
        assert trained(text) == trained(child.equations)


def test_it_is_written_as_a_person_would():
    assert source(as_written(graph("gru_cho"), "Found").new, "Found", "A known cell.") == (
        '"""A known cell."""\n\n'
        "from keepgate.equations import Cell, affine, sigmoid, tanh\n\n\n"
        "class Found(Cell):\n"
        '    """A known cell."""\n\n'
        '    state = ("h",)\n\n'
        "    def step(self, x, last):\n"
        '        """Return the states after one step."""\n'
        '        r = sigmoid(affine("r", x, last.h))\n'
        '        z = sigmoid(affine("z", x, last.h))\n'
        '        n = tanh(affine("n", x, m=r * last.h))\n'
        "        h = (1 - z) * n + z * last.h\n"
        "        return self.State(h=h)\n"
    )
