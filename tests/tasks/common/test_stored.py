"""Model files that somebody altered and made consistent again: one sentence, at once, and nothing of theirs runs."""

import copy
import json
import pickle
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from keepgate import store
from keepgate.cells import LSTM, get
from keepgate.cli import main
from keepgate.equations import WrittenCell
from keepgate.errors import InputError
from keepgate.tasks import TASKS, estimator_class, face, load
from keepgate.tasks.classify.estimator import SequenceClassifier
from keepgate.tasks.common.parameters import parameters
from keepgate.tasks.write.sampling import Sampling, draw
from tasks.tiny import CELL, TINY, fit

OLD = Path(__file__).parents[1] / "old_runs" / "0.1.0"
SECONDS, MIB = 2.0, 2**20  # on a machine with other work
EVIL = "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\n" + CELL.replace("Minimal", "Evil")


@pytest.fixture
def altered(tmp_path):
    """`altered(name, {("fitted", "rate"): 0})`: the folder of a tiny model whose configuration says that."""

    def alter(name, changes, tensors=None):
        folder = tmp_path / "run"
        shutil.copytree(OLD / name, folder)
        config, own = store.read_model(folder)
        for (*path, last), value in changes.items():
            place = config
            for key in path:
                place = place[key]
            place[last] = value
        store.write_model(folder, config, own | (tensors or {}))
        return folder

    return alter


def refusal(folder):
    with pytest.raises(InputError) as caught:
        load(folder)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(folder))
    return str(caught.value).removeprefix(str(folder))


@pytest.mark.parametrize("name", {tiny.task: name.replace(" ", "_") for name, tiny in TINY.items()}.values())
@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("threads", 1_000_000, "parameters.threads=1000000 is not at most 1,024"),
        ("num_layers", 1_000_000, "parameters.num_layers=1000000 is not at most 1,000"),
        ("num_layers", 1_000, "num_layers=1,000 need more than the"),
        ("hidden_size", 12_000, ", not ["),
        ("hidden_size", 10**9, "parameters.hidden_size=1000000000 is not at most 65,536"),
        ("batch_size", 0, "parameters.batch_size=0 is not at least 1"),
        ("dropout", 10**9, "parameters.dropout=1000000000 is not at most"),
        ("epochs", "NaN", "parameters.epochs='NaN' is not of type int"),
        ("seed", None, "parameters.seed=None is not of type int"),
        ("optimizer", [], "parameters.optimizer=[] is none of"),
        ("device", "x" * 10_000, "parameters.device='xxx"),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_at_once(altered, name, key, value, words):
    folder = altered(name, {("parameters", key): value})
    estimator_class(json.loads((folder / "config.json").read_text())["config"]["task"])  # import it
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    assert words in refusal(folder)
    assert time.monotonic() - start < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 100 * MIB


@pytest.mark.parametrize(
    ("name", "path", "value", "words"),
    [
        ("segment", ("fitted", "rate"), 0, "fitted.rate=0 is not at least 51"),
        ("segment", ("fitted", "rate"), 10**9, "fitted.rate=1000000000 is not at most 1,000,000"),
        ("segment", ("fitted", "commonest"), "x", "fitted.commonest='x' is none of the labels"),
        ("classify", ("fitted", "n_channels"), 0, "fitted.n_channels=0 is not at least 1"),
        ("classify", ("fitted", "class_counts"), [1], "the number of values of fitted.class_counts=1"),
        ("classify", ("fitted", "classes", "dtype"), "V100000000", "is no type of class labels"),
        ("classify", ("fitted", "classes", "dtype"), "<i8", "the classes are not of type int64"),
        ("classify", ("fitted", "classes", "values"), ["a", "a"], "the classes have a value twice"),
        ("classify", ("columns", "id_column"), 0, "columns.id_column=0 is not of type str"),
        ("forecast", ("fitted", "frequency", "count"), 0, "fitted.frequency.count=0 is not at least 1"),
        ("forecast", ("fitted", "frequency", "count"), 2**60, "fitted.frequency.count=1152921504606846976 is not at"),
        ("forecast", ("fitted", "patch"), 7, "fitted.patch=7 is longer than the window of 6 rows"),
        ("forecast", ("parameters", "horizon"), 0, "parameters.horizon=0 is not at least 1"),
        ("embed", ("fitted", "ordinary", "mean"), [1.0], "fitted.ordinary is not of 2 channels"),
        ("suggest", ("fitted", "counts"), "many", "fitted.counts='many' is not of type list"),
        ("suggest", ("fitted", "counts"), [0] * 9, "fitted.counts has 9 counts"),
        ("suggest", ("fitted", "names"), ["unheard"] * 3, "fitted.names has a value twice"),
        ("tag", ("fitted", "n_channels"), 2, "fitted says a vocabulary or a number of channels, and not both"),
        ("transcribe", ("fitted", "kind"), "ink", "fitted.rate=1000 does not go with utterances that are ink"),
        ("translate", ("fitted", "tokens", 0, "state"), "{}", "tokens.state is no tokenizer"),
        ("write", ("fitted", "tokens", "state"), "ba", "tokens.state is not different characters in their order"),
        ("write", ("fitted", "tokens", "units"), "bytes", "tokens.state does not go with units of bytes"),
        ("write", ("equations", "nodes"), [], "the equations in the model file are damaged"),
        ("write", ("equations", "more"), [], "'more' is nothing known"),
        ("write", ("fitted",), [], "fitted=[] is not of type dict"),
        ("write", ("task",), 5, "task=5 is not of type str"),
        ("write", ("task",), "juggle", None),
        ("write", ("more",), 1, "has 'more', which is nothing known"),
        ("write", ("parameters", "more"), 1, "parameters has 'more', which is nothing known"),
    ],
)  # fmt: skip
def test_what_the_configuration_cannot_say_is_refused(altered, name, path, value, words):
    folder = altered(name, {path: value})
    if words is None:
        with pytest.raises(InputError, match="unknown task 'juggle'; there are"):
            load(folder)
    else:
        assert words in refusal(folder)


def test_a_missing_parameter_is_named(altered):
    folder = altered("classify", {})
    config, tensors = store.read_model(folder)
    del config["parameters"]["dropout"]
    store.write_model(folder, config, tensors)
    assert refusal(folder) == "/config.json does not describe a 'classify' model: parameters lacks 'dropout'"


@pytest.mark.parametrize("name", ["suggest", "write"])
def test_a_parameter_of_earlier_versions_may_have_its_one_value(altered, name):
    folder = altered(name, {})
    assert store.read_model(folder)[0]["parameters"]["bidirectional"] is False
    assert "bidirectional" not in load(folder).get_params()
    shutil.rmtree(folder)
    assert "parameters.bidirectional=True is not False" in refusal(
        altered(name, {("parameters", "bidirectional"): True})
    )


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        (
            {"output.bias": np.zeros(3, np.float32)},
            "the tensor 'output.bias' is [3] of torch.float32, not [2] of torch",
        ),
        (
            {"output.bias": np.zeros(2, np.float64)},
            "the tensor 'output.bias' is [2] of torch.float64, not [2] of torch",
        ),
        ({"output.bias": np.array([0, np.nan], np.float32)}, "the tensor 'output.bias' has numbers that"),
        ({"output.bias": np.array([0, -np.inf], np.float32)}, "the tensor 'output.bias' has numbers that"),
        ({"more": np.zeros(2, np.float32)}, "the tensor 'more' is none that is needed"),
    ],
)
def test_the_first_tensor_that_does_not_fit_is_named(altered, tensors, words):
    assert f"/model.safetensors does not fit its config.json: {words}" in refusal(altered("classify", {}, tensors))


def test_a_transition_may_be_forbidden_and_not_unknown(altered):
    folder = altered("tag_spans", {})
    config, tensors = store.read_model(folder)
    assert (tensors["crf.start"] == -np.inf).any()
    tensors["crf.start"] = np.full_like(tensors["crf.start"], np.nan)
    store.write_model(folder, config, tensors)
    assert "'crf.start' has numbers that are NaN" in refusal(folder)


@pytest.mark.parametrize("file", ["config.json", "model.safetensors"])
def test_a_key_that_is_there_twice_is_refused(altered, file):
    folder = altered("classify", {})
    data = (folder / file).read_bytes()
    if file == "config.json":
        data = data.replace(b'"dropout":', b'"dropout": 0.5, "dropout":')
    else:
        length = int.from_bytes(data[:8], "little")
        header = data[8 : 8 + length].rstrip()
        key = next(iter(json.loads(header)))
        header = (
            header[:-1] + b"," + json.dumps(key).encode() + b":" + json.dumps(json.loads(header)[key]).encode() + b"}"
        )
        data = len(header).to_bytes(8, "little") + header + data[8 + length :]
        about = json.loads((folder / "config.json").read_text())
        config = about["config"]
        (folder / file).write_bytes(data)
        rewrite(folder, config, data)
    (folder / file).write_bytes(data)
    assert "is there twice" in refusal(folder)


def rewrite(folder, config, data):
    """A configuration that fits these bytes of tensors."""
    import hashlib

    about = {"format": "keepgate model", "version": 1, "config": config}
    about["tensors"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    canonical = json.dumps(about, sort_keys=True, separators=(",", ":")).encode()
    (folder / "config.json").write_text(json.dumps(about | {"sha256": hashlib.sha256(canonical).hexdigest()}))


def test_a_loaded_model_has_nothing_on_the_device_meta_and_draws_no_random_numbers():
    for name in TINY:
        state = torch.get_rng_state()
        network = load(OLD / name.replace(" ", "_")).network_
        assert torch.equal(torch.get_rng_state(), state)
        assert not any(t.is_meta for t in (*network.parameters(), *network.buffers()))
        assert all(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("task", TASKS)
def test_every_number_has_bounds(task):
    kind = estimator_class(task)
    for cls in (kind, kind.Columns):
        for name, annotation, meta in parameters(cls):
            if any(word in str(annotation) for word in ("int", "float")):
                assert -1e30 < meta["minimum"] < meta["maximum"] <= 1e30, name


# Cells from files


def test_a_cell_from_a_file_is_the_stored_equations_once_it_is_loaded(tmp_path):
    estimator, data = fit("write bytes", tmp_path / "data")
    estimator.save(tmp_path / "run")
    (tmp_path / "data" / "cell.py").write_text(EVIL.replace("Evil", "Minimal"))  # since then somebody has changed it
    model = load(tmp_path / "run")
    cell = model.get_params()["cell"]
    assert isinstance(cell, WrittenCell)
    assert cell.equations.dumps() == estimator.equations_.dumps()
    again = clone(model).set_params(progress=False).fit(face(model).read_alike(data))
    assert again.equations_.dumps() == estimator.equations_.dumps()
    for name, tensor in again.network_.state_dict().items():
        assert torch.equal(tensor, estimator.network_.state_dict()[name])  # the same training to the bit
    again.save(tmp_path / "again")
    assert load(tmp_path / "again").cell_name() == "Minimal"
    assert not (tmp_path / "data" / "ran").exists()


@pytest.mark.parametrize("cell", ["lstm", "layer_norm(lstm)", "zoneout(gru, 0.1)", "projected(lstm, 2)", 'rnn("relu")'])
def test_a_name_stays_a_name(cell, tmp_path):
    SequenceClassifier(cell=cell, epochs=1, hidden_size=3).fit(np.eye(4), [0, 1, 0, 1]).save(tmp_path)
    assert load(tmp_path).cell == cell


def test_a_name_that_is_not_what_is_stored_gives_way(altered):
    folder = altered(
        "classify", {("equations",): get("peephole_lstm").equations.to_json(), ("parameters", "cell"): "lstm"}
    )
    assert "the tensor" in refusal(folder)  # the equations count
    shutil.rmtree(folder)
    folder = altered("classify", {("parameters", "cell"): "gru"})
    assert load(folder).cell.equations.dumps() == LSTM().equations.dumps()


@pytest.mark.parametrize("wrap", ["{}", "'{}'", "zoneout('{}', 0.1)", 'layer_norm("{}")'])
@pytest.mark.parametrize("name", ["classify", "forecast", "tag", "write_lstm"])
def test_no_method_and_no_command_runs_a_file_that_a_model_names(altered, tmp_path, name, wrap, capsys):
    (tmp_path / "evil.py").write_text(EVIL)
    evil = wrap.format(tmp_path / "evil.py:Evil")
    folder = altered(name, {("parameters", "cell"): evil})
    tiny = TINY[name.replace("_", " ")]
    data = folder / tiny.data
    model = load(folder).set_params(progress=False, epochs=1)
    table = face(model).read_alike(data)
    repr(model)
    face(model).table(table)
    face(model).evaluate(table)
    model.get_params()
    copy.deepcopy(model)
    pickle.loads(pickle.dumps(model))
    clone(model).fit(table)
    model.save(tmp_path / "again")
    load(tmp_path / "again").set_params(progress=False, epochs=1).fit(table)
    if name == "classify":
        cross_val_score(load(folder).set_params(progress=False, epochs=1), table.values, table.labels, cv=2)
    out = str(tmp_path / "out")
    commands = [
        ["predict", folder, data],
        ["evaluate", folder, data],
        ["write", folder, "--length", "3"],
        ["suggest", folder, "a"],
        ["translate", folder, "a"],
        ["transcribe", folder, data],
        ["detect", folder, data],
        ["export", folder, "--to", "onnx", "--out", out],
        ["compress", data, "--model", folder, "--out", out],
        [
            "fit",
            tiny.task,
            data,
            "--out",
            out,
            "--epochs",
            "1",
            "--init",
            folder,
            "--no-progress",
            "--hidden-size",
            "3",
        ],
    ]
    for command in commands:
        try:
            code = main(list(map(str, command)))
        except SystemExit as stop:  # a flag that a task does not have
            code = stop.code
        assert code in (0, 2)
    capsys.readouterr()
    assert not list(tmp_path.rglob("ran"))
    get(str(tmp_path / "evil.py:Evil"))  # this does run it
    assert (tmp_path / "ran").exists()


# Equations that were made to take long


def chain(op, count, **node):
    equations = get("lstm").equations.to_json()
    for i in range(count):
        last = equations["new"]["h"]
        one = {
            "op": op,
            "args": [last] * node.get("arity", 1),
            "attrs": node.get("attrs", lambda i: [])(i),
            "width": "hidden",
        }
        equations["nodes"].append(one)
        equations["new"]["h"] = len(equations["nodes"]) - 1
    return equations | {"named": {}}


@pytest.mark.parametrize(
    ("equations", "words"),
    [
        (chain("tanh", 5_000), "nodes, more than 4,000"),
        (chain("affine", 300, attrs=lambda i: [f"a{i}", [f"q{i}"], []]), "304 affine maps, more than 256"),
    ],
    ids=["nodes", "affine maps"],
)
def test_more_equations_than_any_cell_has_are_refused(altered, equations, words):
    assert words in refusal(altered("classify", {("equations",): equations}))


def test_values_that_use_each_other_are_not_written_out(altered):
    folder = altered("classify", {("equations",): chain("add", 3_000, arity=2)})  # 2^3000 values, written out
    model = load(folder)
    assert len(repr(model)) < 100_000
    assert len(str(model.equations_)) < 100_000
    assert pickle.loads(pickle.dumps(model.equations_)).dumps() == model.equations_.dumps()
    assert len(str(clone(model).cell)) < 100_000
    deep = load(altered_again(folder, chain("tanh", 3_000)))
    assert "…" in str(deep.equations_)


def altered_again(folder, equations):
    config, tensors = store.read_model(folder)
    store.write_model(folder, config | {"equations": equations}, tensors)
    return folder


# What is set after fit


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("classify", {"batch_size": 0}, "batch_size=0 is not at least 1"),
        ("classify", {"threads": 2**40}, "threads=1099511627776 is not at most 1,024"),
        ("forecast", {"horizon": 5}, "horizon=5 was set after fit, which had 2: fit again"),
        ("forecast", {"quantiles": (0.5,)}, r"quantiles=\(0.5,\) was set after fit"),
        ("embed", {"vector_size": 5}, "vector_size=5 was set after fit"),
        ("transcribe", {"bands": 7}, "bands=7 was set after fit"),
        ("transcribe", {"stack": 7}, "stack=7 was set after fit"),
        ("translate", {"beam": -1}, "beam=-1 is not at least 1"),
        ("write", {"units": "bytes"}, "units='bytes' was set after fit"),
    ],
)
def test_parameters_that_are_set_after_fit_are_looked_at(name, change, words):
    folder = OLD / name
    model = load(folder)
    data = face(model).read_alike(folder / TINY[name].data)
    model.set_params(**change)
    with pytest.raises(InputError, match=words):
        face(model).table(data)
    model.set_params(**{key: value for key, value in load(folder).get_params().items() if key in change})
    face(model).table(data)


def test_what_does_not_matter_may_be_set_after_fit():
    model = load(OLD / "classify").set_params(batch_size=2, epochs=7, hidden_size=99, learning_rate=1.0, threads=2)
    face(model).table(face(model).read_alike(OLD / "classify" / "kinds.csv"))


@pytest.mark.parametrize(
    ("task", "flags", "words"),
    [
        ("classify", ["--hidden-size", "1000000000"], "hidden_size=1000000000 is not at most 65,536"),
        ("classify", ["--num-layers", "10000000"], "num_layers=10000000 is not at most 1,000"),
        ("classify", ["--cell", "projected(lstm, 1000000000000)"], "projected takes a size up to 1,000,000"),
        ("classify", ["--threads", str(2**40)], "threads=1099511627776 is not at most 1,024"),
        (
            "classify",
            ["--hidden-size", "60000"],
            "weights, more than 1,073,741,824; to allow it, set KEEPGATE_MAX_WEIGHTS",
        ),
        ("forecast", ["--horizon", "1000000000"], "horizon=1000000000 is not at most 1,000,000"),
        ("translate", ["--beam", "10000000"], "beam=10000000 is not at most 1,000"),
    ],
)
def test_sizes_that_no_memory_holds_are_refused_before_they_are_taken(task, flags, words, tmp_path, capsys):
    start = time.monotonic()
    data = OLD / task / TINY[task].data
    assert main(["fit", task, str(data), "--out", str(tmp_path / "out"), "--no-progress", *flags]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
    assert time.monotonic() - start < 5 * SECONDS


# Weights that no training gives


@pytest.mark.parametrize(
    ("name", "tensor", "command"),
    [
        ("translate", "source.weight", ["translate", "ein Hund"]),
        ("translate", "source.weight", ["evaluate", OLD / "translate" / "pairs.tsv"]),
    ],
)
def test_scores_that_are_no_numbers_are_told(altered, name, tensor, command, capsys):
    folder = altered(name, {})
    config, tensors = store.read_model(folder)
    tensors = {
        key: np.full_like(value, 3e38) if key in (tensor, "output.bias") else value for key, value in tensors.items()
    }
    store.write_model(folder, config, tensors)
    code = main([command[0], str(folder), *map(str, command[1:])])
    assert (code, "are no numbers: its weights are of no training; train it again" in capsys.readouterr().err) == (
        2,
        True,
    )


def test_probabilities_that_are_no_numbers_are_told():
    for log_probs in (np.array([0.0, np.nan]), np.full(2, -np.inf)):
        with pytest.raises(InputError, match="are no numbers: its weights are of no training; train it again"):
            draw(log_probs, Sampling(), np.random.default_rng(0))
