"""Scripts as torch's users write them: with one import changed they do what they did, under all that torch offers."""

from __future__ import annotations

import random
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

EXAMPLES = Path(__file__).parents[2] / "examples"
MARK = "  # as before: "
SENTENCES = ("the cat sat .", "a dog ran .", "the dog sat down .")
TEXT = " ".join(random.Random(0).choices(SENTENCES, k=400))


def script(name: str, theirs: bool) -> types.ModuleType:
    """A script as a module, with its one import of keepgate, or as it was before."""
    lines = (EXAMPLES / f"{name}.py").read_text().splitlines()
    (place,) = [i for i, line in enumerate(lines) if "keepgate" in line and "import" in line and MARK in line]
    if theirs:
        lines[place] = lines[place].split(MARK)[1]
    module = types.ModuleType(name)
    exec(compile("\n".join(lines), f"{name}.py", "exec"), module.__dict__)
    return module


def word_model(theirs: bool = False, **options: Any) -> tuple[Any, Any, list[str], list[float]]:
    module = script("word_model", theirs)
    return module, *module.train(
        TEXT, **{"epochs": 15, "size": 16, "dropout": 0.2, "compiled": False, "amp": False, "seed": 1, **options}
    )


def test_a_word_model_learns_as_with_torchs_layer():
    """Same seed, same initial weights, same dropout: the same perplexities but for rounding."""
    ours, theirs = word_model()[3], word_model(theirs=True)[3]
    assert ours[:8] == pytest.approx(theirs[:8], rel=1e-3)
    assert ours[-1] == pytest.approx(theirs[-1], rel=0.1)  # rounding has grown by then
    assert ours[-1] < 0.4 * len({*TEXT.split()})


def test_a_word_model_learns_under_autocast():
    plain, amp = word_model()[3], word_model(amp=True)[3]
    assert amp == pytest.approx(plain, rel=0.1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")  # torch's own
def test_a_word_model_learns_compiled():
    """Without dropout, whose numbers a compiled graph draws in another order."""
    ours, compiled = word_model(dropout=0.0)[3], word_model(dropout=0.0, compiled=True)[3]
    assert compiled[:8] == pytest.approx(ours[:8], rel=1e-3)
    assert compiled[-1] == pytest.approx(ours[-1], rel=0.1)


def test_a_word_model_samples_words():
    module, model, names, _ = word_model()
    words = module.sample(model, names, 30).split()
    assert len(words) == 30
    assert {*words} <= {*names}


def test_a_word_model_under_data_parallel():
    _, model, names, _ = word_model()
    words, state = torch.randint(len(names), (5, 2)), model.begin(2)
    expected, _ = model.eval()(words, state)
    found, _ = nn.DataParallel(model, dim=1)(words, state)
    assert torch.equal(found, expected)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore:.*torch.jit.*:DeprecationWarning")  # torch's own
def test_a_word_model_is_traced_and_drawn_for_tensorboard(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    _, model, names, _ = word_model()
    words, state = torch.randint(len(names), (5, 2)), model.eval().begin(2)
    traced: Any = torch.jit.trace(model, (words, state))
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_graph(model, (words, state))
    longer = torch.randint(len(names), (9, 2))
    torch.testing.assert_close(traced(longer, state)[0], model(longer, state)[0])
    assert any(path.stat().st_size > 1000 for path in tmp_path.iterdir())


def test_sine_waves_are_learned_as_with_torchs_cells():
    (model, ours), (other, theirs) = (
        script("sine_waves", theirs).train(2, size=8, count=5, length=40) for theirs in (False, True)
    )
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert ours[1] < 0.5 * ours[0]
    values = script("sine_waves", False).waves(2, 10)
    with torch.no_grad():
        torch.testing.assert_close(model(values, future=5), other(values, future=5), rtol=1e-4, atol=1e-6)
        assert model(values, future=5).shape == (2, 15)


@pytest.mark.slow
def test_sine_waves_go_on_by_themselves():
    module = script("sine_waves", False)
    model, losses = module.train(6)
    truth = module.waves(3, 250, seed=1)
    with torch.no_grad():
        found = model(truth[:, :199], future=50)[:, 199:]
    assert losses[-1] < 1e-3
    error, still = ((guess - truth[:, 200:]).square().mean().sqrt() for guess in (found, truth[:, 199:200]))
    assert float(error) < 0.5 * float(still)
