from __future__ import annotations

import pytest
import torch
from torch import nn

from keepgate.errors import InputError
from keepgate.training.checkpoint import Checkpoints, signature
from keepgate.training.distributed import Processes
from keepgate.training.examples import Streams
from keepgate.training.score import Score
from keepgate.training.settings import Settings
from keepgate.training.state import Position, TrainingState

DATA = Streams(torch.arange(6.0), count=1)


def about(model=None, data=DATA, valid=None, processes=1, score=None, **settings):
    return signature(model or nn.Linear(2, 3), data, valid, Settings(**settings), processes, score)


def test_a_run_is_told_by_what_changes_its_result():
    same = about()
    assert about(checkpoint_seconds=1.0) == same
    assert about(nn.Linear(2, 3)) == same  # other weights, the same shapes
    for other in (
        about(nn.Linear(2, 4)),
        about(nn.Linear(2, 3, bias=False)),
        about(nn.Linear(2, 3).requires_grad_(False)),
        about(nn.Sequential(nn.Linear(2, 3))),
        about(data=Streams(torch.arange(6.0) + 1, count=1)),
        about(valid=DATA),
        about(processes=2),
        about(epochs=7),
        about(seed=1),
        about(score=Score("accuracy", lambda *_: (0.0, 0.0, None), float)),
    ):
        assert other != same


def test_addresses_in_a_model_do_not_count():
    class Odd(nn.Linear):
        def extra_repr(self):
            return f"{object()}"

    assert about(Odd(2, 3)) == about(Odd(2, 3))


def prepared(run, signed=None, seconds=0.0, seed=0):
    torch.manual_seed(seed)
    model = nn.Linear(2, 3)
    state = TrainingState(model, torch.optim.Adam(model.parameters()), torch.device("cpu"))
    return Checkpoints(run, signed or about(), state, seconds, Processes())


def trained(one):
    one.state.model(torch.randn(5, 2)).square().mean().backward()
    one.state.optimizer.step()
    one.state.position.add(1.0, 1.0, 1.0, 1.0)
    return one


def test_it_goes_on_from_what_was_saved(tmp_path):
    one = trained(prepared(tmp_path))
    one.save()
    other = prepared(tmp_path, seed=7)
    other.load()
    assert torch.equal(other.state.model.weight, one.state.model.weight)
    assert other.state.position == one.state.position


def test_a_folder_without_a_run_begins_anew(tmp_path):
    one = prepared(tmp_path / "new")
    one.load()
    assert one.state.position == Position()


def test_metrics_are_written_with_each_new_row(tmp_path):
    one = trained(prepared(tmp_path))
    one.save()
    assert not (tmp_path / "metrics.jsonl").exists()
    one.state.history.rows.append(one.state.position.row(None))
    one.state.position = Position(epoch=1, update=1)
    one.save()
    assert len((tmp_path / "metrics.jsonl").read_text().splitlines()) == 1
    (tmp_path / "metrics.jsonl").write_text("damaged")
    other = prepared(tmp_path)
    other.load()
    assert (tmp_path / "metrics.jsonl").read_text() == one.state.history.text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epochs": 7}, r"holds a run with epochs=\d+ instead of 7: go on with what it had, or take another folder$"),
        ({"data": Streams(torch.zeros(6), count=1)}, "holds a run with another training data: "),
        ({"model": nn.Linear(2, 4), "seed": 3}, "holds a run with seed=0 instead of 3, another model: "),
    ],
)
def test_another_run_is_refused_by_what_differs(tmp_path, change, words):
    trained(prepared(tmp_path)).save()
    with pytest.raises(InputError, match=words):
        prepared(tmp_path, about(**change)).load()


def test_a_damaged_checkpoint_names_its_folder_and_the_remedy(tmp_path):
    trained(prepared(tmp_path)).save()
    (tmp_path / "checkpoint" / "config.json").write_text("{}")
    with pytest.raises(
        InputError, match=r"checkpoint is no training to go on with: .*; remove that folder to start again$"
    ):
        prepared(tmp_path).load()


def test_whatever_is_raised_inside_is_one_sentence(tmp_path):
    one = prepared(tmp_path)
    with pytest.raises(InputError, match="go on with: ZeroDivisionError: division by zero; remove"), one.blamed():
        1 / 0  # noqa: B018


def test_it_is_due_after_its_seconds(tmp_path):
    assert prepared(tmp_path).due()
    assert not prepared(tmp_path, seconds=3600.0).due()
