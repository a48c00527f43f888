"""Models whose files were altered, through every command that reads a run, and from Python.

The healthy ones are those of `tasks/old_runs`, one or more of each task, and checkpoints of two trainings that were
stopped; their checksums are made right again after an alteration, as somebody who means harm would do. A refusal is
exit code 2 and one line on standard error, or a `KeepgateError`; nothing from a file may ever run.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import io
import json
import os
import random as randoms
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from fuzz.harness import Wrong
from runtime.inputs import inputs_of
from tasks.tiny import SMALL, TINY

FOLDER = True
MOST_INPUTS = 10**6
OLD = Path(__file__).parents[1] / "tasks" / "old_runs" / "0.1.0"
EVIL = "evil.py:Evil"  # becomes the path of a file that leaves a mark when it runs
CODE = "import pathlib\npathlib.Path(__file__).with_name('ran').touch()\nraise SystemExit(0)\n"
VALUES: list[Any] = [
    0, -1, 1, 2, 3, 7, 0.5, 1e-320, 10**9, 2**31, 2**63, 10**30, 1e308, -1e308, float("inf"), float("nan"), "NaN", "",
    "x", "x" * 10_000, "\ud800", "\0", "\x1b[2J", EVIL, f"zoneout('{EVIL}', 0.1)", None, True, False, [], [0], [[]],
    ["a"], {}, {"a": 1}, "lstm", "gru", "projected(lstm, 2)", "native", "cpu", "cudnn", "write", "audio", "ink", "none",
]  # fmt: skip
DTYPES = {"F64": "<f8", "F16": "<f2", "I64": "<i8", "BOOL": "?", "U8": "u1", "F32": "<f4"}
NUMBERS = [float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e30, -1e30, 3.4e38, 1e-40]
CHECKPOINTS = {"classify checkpoint": "classify", "write checkpoint": "write"}
PLACES = ("config.json", "model.safetensors", "config.json.next")
KINDS = ("fifo", "folder", "loop", "zero", "missing", "empty", "broken link")


@cache
def healthy(name: str, part: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The configuration file and the tensors of a healthy model."""
    from keepgate.store.tensors import unpack

    folder = place_of(name) / part
    about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if part == ".":
        about["config"]["network"] = network_of(folder).to_json()  # as a model that is saved today has it
    return about, unpack((folder / "model.safetensors").read_bytes(), name)


def network_of(folder: Path) -> Any:
    """The network of a healthy model."""
    from keepgate.tasks import load

    return load(folder).network_.description


def place_of(name: str) -> Path:
    return checkpoints() / name if name in CHECKPOINTS else OLD / name.replace(" ", "_")


@cache
def checkpoints() -> Path:
    """A folder of trainings that were stopped after some updates; made once in a process."""
    import atexit

    from keepgate.training.loop import Trainer

    made = Path(tempfile.mkdtemp(prefix="keepgate-fuzz-checkpoints-"))
    atexit.register(shutil.rmtree, made, True)
    update = Trainer.update

    def some(self: Trainer, *given: Any) -> bool:
        if self.state.position.update == 3:
            raise KeyboardInterrupt
        return update(self, *given)

    Trainer.update = some
    try:
        for name in CHECKPOINTS:
            with contextlib.suppress(KeyboardInterrupt):
                train(name, made / name)
    finally:
        Trainer.update = update
    return made


def train(name: str, run: Path) -> None:
    """Begin a training, or go on with it."""
    from keepgate.tasks import estimator_class, face_class

    tiny = TINY[CHECKPOINTS[name]]
    kind = estimator_class(tiny.task)
    estimator = kind(**{**SMALL, **tiny.options, "epochs": 2, "patience": None})
    settings = estimator.settings()
    estimator.settings = lambda: replace(settings, checkpoint_seconds=0.0)
    data = face_class(tiny.task).read(OLD / tiny.task / tiny.data)
    estimator.fit(data, valid=data, run=run)


def prepare() -> None:
    import torch

    torch.set_num_threads(1)
    checkpoints()
    from keepgate.tasks import TASKS, estimator_class, face_class

    for task in TASKS:
        estimator_class(task)
        face_class(task)
    import keepgate.compression
    import keepgate.export

    assert keepgate.compression is not keepgate.export
    os.environ.setdefault("COLUMNS", "80")


# Drawing


def draw(random: randoms.Random) -> Any:
    name = random.choice([*TINY, *CHECKPOINTS])
    parts = ["checkpoint"] if name in CHECKPOINTS else [".", ".", ".", "ngram"] if has_ngram(name) else ["."]
    part = random.choice(parts)
    count = random.choice((1, 1, 1, 1, 2, 3))
    alterations = [random.choice(DRAW)(random, name, part) for _ in range(count)]
    uses = ["resume"] if name in CHECKPOINTS else uses_of(name)
    return {"model": name, "part": part, "alterations": alterations, "use": random.choice(uses)}


def has_ngram(name: str) -> bool:
    return (OLD / name.replace(" ", "_") / "ngram").exists()


def uses_of(name: str) -> list[str]:
    task = TINY[name].task
    return ["predict", "evaluate", "python", "fit", "clone", "init", "run", *USES[task], random_use(name)]


def random_use(name: str) -> str:
    """Another task's command, which has to refuse."""
    return sorted(COMMANDS)[sum(map(ord, name)) % len(COMMANDS)]


def _field(random: randoms.Random, name: str, part: str) -> Any:
    paths = list(leaves(healthy(name, part)[0]["config"]))
    top = {}  # as often a field of few values as one of many
    for path in paths:
        top.setdefault(tuple(p for p in path if isinstance(p, str))[:3], []).append(path)
    path = random.choice(top[random.choice(sorted(top))])
    path = path[: random.randint(1, len(path))] if random.random() < 0.2 else path
    return {"set": list(path), "value": random.choice(VALUES)}


def _near(random: randoms.Random, name: str, part: str) -> Any:
    """A value like the right one, which may well pass."""
    config = healthy(name, part)[0]["config"]
    paths = [path for path in leaves(config) if path]
    path = random.choice(paths) if random.random() < 0.5 else random.choice([p for p in paths if p[0] != "equations"])
    now = value_at(config, path)
    others = [value_at(config, other) for other in paths]
    if isinstance(now, bool) or now is None:
        value = random.choice((not now, now, 1, None))
    elif isinstance(now, int):
        value = random.choice((now + 1, now - 1, 2 * now, now // 2, 100 * now, 1000))
    elif isinstance(now, float):
        value = random.choice((-now, 0.0, 1.0, now * 1e6, now * 1e-6, now / 2, now * 1e30, 1 - now))
    else:
        alike = [other for other in others if type(other) is type(now)]
        value = (
            random.choice([*alike, now + now, now[:1], now[::-1]])
            if isinstance(now, str | list)
            else random.choice(alike)
        )
    return {"set": list(path), "value": value}


def value_at(config: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        config = config[key]
    return config


def _loud(random: randoms.Random, name: str, part: str) -> Any:
    """Numbers that a tensor can have, and no training gives."""
    chosen = random.choice(sorted(healthy(name, part)[1]))
    return {
        "tensor": chosen,
        "do": "numbers",
        "value": [random.choice(NUMBERS[3:]), random.random() < 0.5, random.randrange(2**31)],
    }


def _structure(random: randoms.Random, name: str, part: str) -> Any:
    path = random.choice([path for path in leaves(healthy(name, part)[0]["config"]) if len(path)])
    path = path[: random.randint(1, len(path))]
    return {random.choice(("drop", "double", "rename", "extra", "swap")): list(path)}


def _tensor(random: randoms.Random, name: str, part: str) -> Any:
    chosen = random.choice(sorted(healthy(name, part)[1]))
    kind = random.choice(("drop", "rename", "dtype", "shape", "numbers", "swap", "extra"))
    value = {
        "dtype": random.choice(sorted(DTYPES)),
        "shape": random.choice(("turned", "longer", "flat", "more", "none", "scalar")),
        "numbers": [random.choice(("nan", "inf", "-inf")) if random.random() < 0.3 else random.choice(NUMBERS[3:]),
                    random.random() < 0.5, random.randrange(2**31)],
    }.get(kind)  # fmt: skip
    return {"tensor": chosen, "do": kind, "value": value}


def _bytes(random: randoms.Random, name: str, part: str) -> Any:
    file = random.choice(PLACES[:2])
    edits = [
        [random.choice(("flip", "cut", "insert", "repeat")), random.random() ** 2, random.randrange(256)]
        for _ in range(random.choice((1, 1, 2, 5, 20)))
    ]
    return {"bytes": file, "edits": edits}


def _header(random: randoms.Random, name: str, part: str) -> Any:
    chosen = random.choice(sorted(healthy(name, part)[1]))
    value = random.choice([*VALUES, [2**40, 2**40], [2**63, 2], [-1, -1], [0, 2**64], [1, 1, 1, 1], "U16", "BF16"])
    return {"header": chosen, "key": random.choice(("dtype", "shape", "data_offsets", "again")), "value": value}


def _file(random: randoms.Random, name: str, part: str) -> Any:
    return {"file": random.choice(PLACES), "is": random.choice(KINDS)}


DRAW: list[Callable[[randoms.Random, str, str], Any]] = [
    *[_field] * 10, *[_near] * 14, *[_loud] * 8, *[_structure] * 3, *[_tensor] * 3, *[_bytes] * 3, _header, _file,
]  # fmt: skip


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    inner = [found for key, item in items for found in leaves(item, (*path, key))]
    return iter(inner or [path])


# Altering


def alter(folder: Path, case: Any) -> None:
    """Write the altered files of a model into its folder."""
    from keepgate.store.tensors import pack

    about, tensors = copy.deepcopy(healthy(case["model"], case["part"]))
    doubled: list[str] = []
    raw: list[Any] = []
    for one in case["alterations"]:
        if "tensor" in one:
            tensors = altered_tensors(tensors, one)
        elif "bytes" in one or "header" in one or "file" in one:
            raw.append(one)
        else:
            alter_config(about["config"], one, doubled, str(folder.parent / EVIL))
    data = pack(tensors)
    for one in raw:
        data = altered_header(data, one) if "header" in one else data
        data = altered_bytes(data, one["edits"]) if one.get("bytes") == "model.safetensors" else data
    text = json_of(about, data, doubled)
    for one in raw:
        text = altered_bytes(text, one["edits"]) if one.get("bytes") == "config.json" else text
    (folder / "config.json").write_bytes(text)
    (folder / "model.safetensors").write_bytes(data)
    for one in raw:
        if "file" in one:
            replace_file(folder / one["file"], one["is"])


def alter_config(config: Any, one: dict[str, Any], doubled: list[str], evil: str) -> None:
    (what, path), *rest = one.items()
    value = rest[0][1] if rest else None
    if isinstance(value, str):
        value = value.replace(EVIL, evil)
    place = config
    try:
        for key in path[:-1]:
            place = place[key]
        key = path[-1] if path else "task"
        now = place[key]
    except (KeyError, IndexError, TypeError):
        return  # another alteration has removed it
    if what == "set":
        place[key] = value
    elif what == "drop":
        del place[key]
    elif what == "swap":
        other = next((k for k in (place if isinstance(place, dict) else range(len(place))) if k != key), key)
        place[key], place[other] = place[other], now
    elif isinstance(place, list):
        place.insert(key, copy.deepcopy(now))
    elif what == "rename":
        place[key + "_"] = place.pop(key)
    elif what == "extra":
        place["more"] = now
    else:
        place["doubled " + key] = now
        doubled.append(key)


def altered_tensors(tensors: dict[str, np.ndarray], one: dict[str, Any]) -> dict[str, np.ndarray]:
    name, value = one["tensor"], one["value"]
    if name not in tensors:
        return tensors
    array, others = tensors[name], {key: item for key, item in tensors.items() if key != name}
    match one["do"]:
        case "drop":
            return others
        case "rename":
            return {**others, name + "x": array}
        case "extra":
            return {**tensors, "more." + name: array}
        case "swap":
            other = sorted(tensors)[0]
            return {**tensors, name: tensors[other], other: array}
        case "dtype":
            with np.errstate(all="ignore"):
                return {**others, name: array.astype(DTYPES[value])}
        case "shape":
            shapes = {
                "turned": lambda: array.T,
                "longer": lambda: np.concatenate([array, array]) if array.ndim else array[None],
                "flat": lambda: array.ravel(),
                "more": lambda: array[None],
                "none": lambda: array.ravel()[:0],
                "scalar": lambda: array.ravel()[:1].reshape(()) if array.size else array,
            }
            return {**others, name: np.ascontiguousarray(shapes[value]()) if value != "scalar" else shapes[value]()}
    number, all_of_them, place = value
    changed = array.copy()
    if array.size and np.issubdtype(array.dtype, np.floating):
        with np.errstate(all="ignore"):
            changed.ravel()[slice(None) if all_of_them else place % array.size] = float(number)
    elif array.size:
        changed.ravel()[slice(None) if all_of_them else place % array.size] = place % 128
    return {**others, name: changed}


def altered_header(data: bytes, one: dict[str, Any]) -> bytes:
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        header[one["header"]].get("dtype")
    except (ValueError, LookupError, AttributeError, TypeError):
        return data  # another alteration has damaged it
    if one["key"] == "again":
        text = json.dumps(header)[:-1] + f", {json.dumps(one['header'])}: {json.dumps(header[one['header']])}}}"
    else:
        header[one["header"]][one["key"]] = one["value"]
        text = json.dumps(header)
    return len(text.encode()).to_bytes(8, "little") + text.encode() + data[8 + length :]


def altered_bytes(data: bytes, edits: list[Any]) -> bytes:
    for kind, place, byte in edits:
        at = int(place * len(data))
        data = {
            "flip": data[:at] + bytes([byte]) + data[at + 1 :],
            "cut": data[: at + byte] + data[at + 2 * byte :],
            "insert": data[:at] + bytes([byte]) + data[at:],
            "repeat": data[:at] + data[max(at - byte, 0) :],
        }[kind]
    return data


def json_of(about: dict[str, Any], data: bytes, doubled: list[str]) -> bytes:
    about = {key: value for key, value in about.items() if key != "sha256"}
    about["tensors"] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    text = json.dumps(about)
    for key in doubled:
        text = text.replace(f'"doubled {key}"', json.dumps(key))
    about = json.loads(text)
    checksum = hashlib.sha256(json.dumps(about, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return (text[:-1] + f', "sha256": "{checksum}"}}').encode()


def replace_file(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "loop":
            path.symlink_to(path.name)
        case "broken link":
            path.symlink_to("nowhere")
        case "zero":
            path.symlink_to("/dev/zero")
        case "empty":
            path.touch()


# Using


def check(case: Any, folder: Path) -> None:
    run = folder / "run"
    shutil.copytree(place_of(case["model"]), run)
    (folder / "evil.py").write_text(CODE)
    (run / case["part"]).mkdir(exist_ok=True)
    alter(run / case["part"], case) if case["part"] != "." else alter(run, case)
    use = case["use"]
    with warnings.catch_warnings(), contextlib.chdir(folder):
        warnings.simplefilter("always")
        PYTHON.get(use, command)(case, folder, run)
    if (folder / "ran").exists() or list(folder.rglob("ran")):
        raise Wrong("a file that the model names was run")


def command(case: Any, folder: Path, run: Path) -> None:
    from keepgate import cli

    name, *arguments = COMMANDS[case["use"]](SimpleNamespace(run=run, folder=folder, data=run / data_of(case["model"])))
    out, err = io.TextIOWrapper(io.BytesIO(), write_through=True), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.run(name, list(map(str, arguments)))
        except SystemExit as stop:
            code = stop.code
    lines = err.getvalue().splitlines()
    if code not in (0, 2):
        raise Wrong(f"exit code {code}: {err.getvalue()[-2000:]}")
    if "Traceback" in err.getvalue() or "Warning:" in err.getvalue():
        raise Wrong(f"exit code {code}, standard error has {lines[:3]}")
    if code == 2 and (strange := [line for line in lines if not line.startswith(f"keepgate {name}: ")]):
        raise Wrong(f"exit code {code}, standard error has {strange[:3]}")
    if code == 2 and not lines:
        raise Wrong("exit code 2 without a word")
    if max(map(len, lines), default=0) > 2000:
        raise Wrong(f"a line of {max(map(len, lines))} characters: {lines[0][:300]}")


def data_of(name: str) -> str:
    return TINY[name].data


COMMANDS: dict[str, Callable[[Any], list[Any]]] = {
    "predict": lambda at: ["predict", at.run, at.data],
    "evaluate": lambda at: ["evaluate", at.run, at.data],
    "write": lambda at: ["write", at.run, "--length", "5", "--seed", "1", "--prompt", "the"],
    "suggest": lambda at: ["suggest", at.run, "the c"],
    "translate": lambda at: ["translate", at.run, "ein Hund"],
    "transcribe": lambda at: ["transcribe", at.run, at.data, "--timestamps"],
    "detect": lambda at: ["detect", at.run, at.data],
    "export": lambda at: ["export", at.run, "--to", "onnx", "--out", at.folder / "model.onnx"],
    "compress": lambda at: ["compress", at.data, "--model", at.run, "--out", at.folder / "data.kg"],
    "init": lambda at: [
        "fit", "classify", OLD / "classify" / "kinds.csv", "--init", at.run, "--out", at.folder / "out",
        "--no-progress", "--epochs", "1", "--hidden-size", "3", "--num-layers", "2",
    ],
}  # fmt: skip
USES = {
    "classify": ["export", "init"],
    "control": ["export", "evaluate"],
    "regress": ["predict", "export"],
    "embed": ["detect", "init"],
    "evolino": ["export", "predict"],
    "forecast": ["export", "predict"],
    "segment": ["predict", "evaluate"],
    "suggest": ["suggest", "evaluate"],
    "tag": ["predict", "init"],
    "transcribe": ["transcribe", "transcribe"],
    "translate": ["translate", "evaluate"],
    "write": ["write", "compress"],
}


def python(case: Any, folder: Path, run: Path) -> None:
    from sklearn.base import clone

    from keepgate.errors import KeepgateError
    from keepgate.tasks import face, load

    try:
        model = load(run)
        repr(model)
        model.get_params()
        model.set_params(epochs=1, progress=False)
        data = face(model).read_alike(run / data_of(case["model"]))
        if case["use"] == "fit":
            model.fit(data)
        elif case["use"] == "clone":
            clone(model).fit(data)
        else:
            face(model).table(data)
            model.save(folder / "again")
            load(folder / "again")
    except KeepgateError as error:
        if "\n" in str(error) or len(str(error)) > 2000:
            raise Wrong(f"no sentence: {str(error)[:300]}") from error


def run_network(case: Any, folder: Path, run: Path) -> None:
    """Run the network alone, by the runtime that knows no task."""
    from keepgate.errors import KeepgateError
    from keepgate.runtime import Runner

    try:
        runner = Runner.load(run)
        inputs = inputs_of(runner.network)
        if sum(value.size for value in inputs.values()) < MOST_INPUTS:
            runner.run(inputs, *runner.network.outputs)
    except KeepgateError as error:
        if "\n" in str(error) or len(str(error)) > 2000:
            raise Wrong(f"no sentence: {str(error)[:300]}") from error


def resume(case: Any, folder: Path, run: Path) -> None:
    from keepgate.errors import KeepgateError

    try:
        train(case["model"], run)
    except KeepgateError as error:
        diverged = "not finite" in str(error) or "NaN" in str(error)  # of numbers that no training gives, but could
        if "\n" in str(error) or not (diverged or str(run) in str(error)):
            raise Wrong(f"no sentence that names the folder: {error}") from error


PYTHON: dict[str, Callable[[Any, Path, Path], None]] = {
    "python": python,
    "fit": python,
    "clone": python,
    "resume": resume,
    "run": run_network,
}
