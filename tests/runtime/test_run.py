"""A model folder runs without the code of its task and without torch, and says what the task's own network says."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from keepgate import store
from keepgate.errors import InputError
from keepgate.runtime import Runner
from keepgate.tasks import load
from keepgate.testing.tolerances import TOLERANCE, error
from runtime.inputs import SIZES, inputs_of

OLD = Path(__file__).parents[1] / "tasks" / "old_runs" / "0.1.0"
RUNS = sorted(folder.name for folder in OLD.iterdir())


@pytest.fixture
def saved(tmp_path):
    """`saved(name)`: the folder of an old run that was loaded and saved again, and its model."""

    def save(name):
        model = load(OLD / name)
        model.save(tmp_path / "run")
        return tmp_path / "run", model

    return save


@pytest.mark.parametrize("name", RUNS)
def test_a_folder_says_what_the_network_of_its_task_says(saved, name):
    folder, model = saved(name)
    runner = Runner.load(folder)
    assert runner.network.to_json() == model.network_.description.to_json()
    given, wanted = inputs_of(runner.network), runner.network.outputs
    with torch.no_grad():
        outputs = model.network_.run({key: torch.from_numpy(value) for key, value in given.items()}, *wanted)
    results = runner.run(given, *wanted)
    pairs = zip(results, outputs, strict=True) if len(wanted) > 1 else [(results, outputs)]
    for result, output in pairs:
        if "lengths" in given and result.shape[1:2] == (SIZES["time"],):  # past its length a row means nothing
            result[np.arange(SIZES["time"]) >= given["lengths"][:, None]] = 0
            output[np.arange(SIZES["time"]) >= given["lengths"][:, None]] = 0
        assert error(torch.from_numpy(result), output) <= TOLERANCE[torch.float32]


def test_neither_torch_nor_the_task_is_imported(saved):
    folder, model = saved("classify")
    code = f"""
import sys
sys.modules["torch"] = None
import numpy as np
from keepgate.runtime import Runner
x = np.arange(12.0).reshape(1, 6, 2)
print(Runner.load({str(folder)!r}).run({{"x": x, "lengths": [6]}}, "probabilities").tolist())
assert not [name for name in sys.modules if name.startswith("keepgate.tasks")]
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    wanted = model.predict_proba(np.arange(12.0).reshape(1, 6, 2))
    np.testing.assert_allclose(json.loads(done.stdout), wanted, atol=1e-6)


def test_a_folder_of_an_older_version_is_refused_in_a_sentence():
    with pytest.raises(InputError, match=r"classify was saved without its network, by keepgate 0\.1\.0; load it with"):
        Runner.load(OLD / "classify")


def altered(folder: Path, change) -> Path:
    config, tensors = store.read_model(folder)
    config, tensors = copy.deepcopy(config), dict(tensors)
    change(config, tensors)
    store.write_model(folder, config, tensors)
    return folder


DAMAGE = {
    "no network": (lambda c, t: c.update(network=[]), "the network is damaged"),
    "another format": (lambda c, t: c["network"].update(format=9), "format 9 of the network is not 1"),
    "an unknown block": (
        lambda c, t: c["network"]["steps"][0]["block"].update(kind="__import__"),
        "'__import__' is no kind of block",
    ),
    "a size beyond the tensors": (
        lambda c, t: c["network"]["steps"][-1]["block"].update(kind="Dropout"),
        "is not possible|has no|needs|is none of the network's",
    ),
    "another width": (
        lambda c, t: next(s for s in c["network"]["steps"] if s["name"] == "output")["block"].update(outputs=99),
        r"has the shape|expected|the tensor output\.",
    ),
    "a tensor too many": (lambda c, t: t.update(further=np.zeros(1, np.float32)), "the tensor 'further'"),
    "a tensor too few": (lambda c, t: t.pop("output.bias"), r"(the tensor|tensor) '?output\.bias"),
    "a tensor of NaN": (lambda c, t: t["output.bias"].fill(np.nan), r"the tensor 'output\.bias' has"),
}


@pytest.mark.parametrize("read", [Runner.load, load])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_refused_in_a_sentence(saved, damage, read):
    change, words = DAMAGE[damage]
    folder = altered(saved("classify")[0], change)
    with pytest.raises(InputError, match=words) as caught:
        read(folder)
    assert str(caught.value).startswith(str(folder))
    assert "\n" not in str(caught.value)


def test_integers_are_no_weights(saved):
    folder = altered(saved("classify")[0], lambda c, t: t.update({"output.bias": np.zeros(2, np.int64)}))
    with pytest.raises(InputError, match="no finite floating-point numbers"):
        Runner.load(folder)


def test_scores_of_what_is_impossible_may_be_infinite(saved):
    folder, _ = saved("tag_spans")
    name = next(name for name in store.read_model(folder)[1] if name.endswith("transitions"))
    for value, fits in ((-np.inf, True), (np.inf, False)):
        altered(folder, lambda c, t, value=value: t[name].__setitem__((0, 0), value))
        if fits:
            Runner.load(folder)
        else:
            with pytest.raises(InputError, match="no finite floating-point numbers"):
                Runner.load(folder)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("classify", {"lengths": [6, 1, 1]}, r"step 'recurrent' \(Recurrent\) cannot run on these inputs: "),
        ("tag_spans", {"lengths": [6, 1, 1]}, "cannot run on these inputs: "),
        ("tag_spans", {"lengths": [5, 1]}, "cannot run on these inputs: "),
        (
            "write",
            {"units": np.full((5, 3), 99)},
            "cannot run on these inputs: symbols are numbers from 0 to 14",
        ),
        ("classify", {"x": np.zeros((3, 5, 7))}, r"x has the shape \(3, 5, 7\); expected float64 \[batch, time, 2\]"),
        ("classify", {"x": "a"}, "x is no array of numbers"),
        ("classify", {"y": 1}, "the network has no value 'y'"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_in_a_sentence(saved, name, change, words):
    runner = Runner.load(saved(name)[0])
    with pytest.raises(InputError, match=words):
        runner.run({**inputs_of(runner.network), **change}, *runner.network.outputs)


def test_the_core_sees_no_length_beyond_its_memory(saved):
    runner = Runner.load(saved("tag_spans")[0])
    crf = next(step for step in runner.network.steps if type(step.block).__name__ == "Crf")
    emissions = np.zeros((2, 3, runner.network.values()[crf.sources[0]].width), np.float32)
    for lengths in ([4, 1], [-1, 1], [1], [10**9, 1]):
        with pytest.raises(InputError, match="cannot run on these inputs: lengths"):
            runner.run({crf.sources[0]: emissions, "lengths": lengths}, *runner.network.outputs)
