from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.store import has_model, read_model, write_model
from keepgate.store.model import VERSION

CONFIG = {"task": "classify", "größe": [1, 2.5, None, True], "cell": {"name": "lstm"}, "rate": 0.1 + 0.2}
TENSORS = {"weight": np.arange(6.0).reshape(2, 3), "steps": np.array(7), "none": np.zeros((0, 4), np.float32)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_model(tmp_path / "model", CONFIG, TENSORS)
    return tmp_path / "model"


def same(found, config=CONFIG, tensors=TENSORS) -> bool:
    assert found[0] == config
    assert found[1].keys() == tensors.keys()
    return all(found[1][name].tobytes() == array.tobytes() for name, array in tensors.items())


def test_what_is_written_is_read(folder: Path):
    config, tensors = read_model(folder)
    assert same((config, tensors))
    assert tensors["weight"].dtype == np.float64
    assert tensors["none"].shape == (0, 4)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert "größe" in (folder / "config.json").read_text(encoding="utf-8")


def test_the_same_model_gives_the_same_bytes(folder: Path, tmp_path: Path):
    write_model(tmp_path / "again", CONFIG, dict(reversed(TENSORS.items())))
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


NEW = ({"new": True}, {"weight": np.ones(9)})


def stops(folder: Path, after: int, monkeypatch, model=NEW) -> bool:
    """Write another model, but stop before the `after`-th replacement, as if killed; whether it was stopped."""
    replace, count = os.replace, 0

    class Killed(BaseException):
        pass

    def counted(*arguments):
        nonlocal count
        if count == after:
            raise Killed
        count += 1
        replace(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted)
        try:
            write_model(folder, *model)
        except Killed:
            return True
    return False


def test_a_write_killed_at_any_step_leaves_the_old_model_or_the_new(folder: Path, monkeypatch):
    old_or_new = []
    for after in range(10):
        stopped = stops(folder, after, monkeypatch)
        config, tensors = read_model(folder)
        is_new = config == {"new": True}
        assert same((config, tensors), *(({"new": True}, {"weight": np.ones(9)}) if is_new else ()))
        old_or_new.append(is_new)
        if not stopped:
            break
        write_model(folder, CONFIG, TENSORS)
        assert same(read_model(folder))
    assert old_or_new == [False, False, True, True]
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_two_writes_killed_one_after_the_other_leave_one_of_the_models(folder: Path, monkeypatch):
    """A write that was killed before its last step has left tensors whose configuration waits: it must not be lost."""
    newest = ({"newest": True}, {"weight": np.zeros(5)})
    for first in range(4):
        for second in range(5):
            write_model(folder, CONFIG, TENSORS)
            stops(folder, first, monkeypatch)
            before = read_model(folder)
            stops(folder, second, monkeypatch, newest)
            found = read_model(folder)
            assert same(found, *(newest if found[0] == newest[0] else before))
    write_model(folder, *newest)
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


def test_a_first_write_killed_at_any_step_is_no_model_or_a_whole_one(tmp_path: Path, monkeypatch):
    found = []
    for after in range(4):
        folder = tmp_path / str(after)
        stops(folder, after, monkeypatch)
        found.append(has_model(folder))
        if found[-1]:
            assert read_model(folder)[0] == {"new": True}
    assert found == [False, False, True, True]


def test_a_reader_between_two_writes_looks_again(folder: Path, monkeypatch):
    """The configuration it has read is the old one, the tensors it comes to are the new ones."""
    from keepgate.store import model

    new, read = ({"new": True}, {"weight": np.ones(9)}), model.read_file
    overtaken = []

    def overtake(path, limit):
        if path.name == "model.safetensors" and not overtaken:
            overtaken.append(write_model(folder, *new))
        return read(path, limit)

    monkeypatch.setattr(model, "read_file", overtake)
    assert same(read_model(folder), *new)
    assert overtaken


def test_a_last_step_that_fails_is_told_as_any_other(folder: Path, monkeypatch):
    def vanished(source, target):
        raise FileNotFoundError(2, "No such file or directory")

    replace = os.replace
    monkeypatch.setattr(
        "keepgate.store.model.os.replace", lambda a, b: (vanished if b.name == "config.json" else replace)(a, b)
    )
    with pytest.raises(InputError, match=r"cannot write .*config.json: No such file"):
        write_model(folder, CONFIG, TENSORS)


def refusal(folder: Path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_model(folder, **options)
    return str(caught.value).replace(str(folder.parent), "")


def test_a_missing_folder_or_file_is_named(folder: Path, tmp_path: Path):
    assert refusal(tmp_path / "none").startswith("/none is no folder; a model is a folder that holds config.json")
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty").startswith("/empty/config.json does not exist")
    for name in ("model.safetensors", "config.json"):
        (folder / name).rename(tmp_path / name)
        assert refusal(folder).startswith(
            f"/model/{name} does not exist; is this the folder that a run or a save wrote?"
        )
        (tmp_path / name).rename(folder / name)
    assert same(read_model(folder))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_pipe_in_a_model_is_refused_and_not_waited_for(folder: Path, name: str):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert refusal(folder) == f"/model/{name} cannot be read: it is a pipe, not a file"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_cut_short_anywhere_is_refused(folder: Path, name: str):
    data = (folder / name).read_bytes()
    for length in range(len(data) - 1):  # without its last byte, a line end, the configuration still says all
        (folder / name).write_bytes(data[:length])
        assert f"/model/{name} " in refusal(folder)


def says_the_same(altered: bytes, data: bytes) -> bool:
    """Whether both are the same JSON: between its words, white space may be any."""
    try:
        return json.loads(altered) == json.loads(data)
    except ValueError:
        return False


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_altered_anywhere_is_refused(folder: Path, name: str):
    data = (folder / name).read_bytes()
    for place in range(len(data)):
        altered = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        (folder / name).write_bytes(altered)
        if says_the_same(altered, data):
            assert same(read_model(folder))
        else:
            assert "/model/" in refusal(folder)


def test_the_files_of_two_models_do_not_go_together(folder: Path, tmp_path: Path):
    write_model(tmp_path / "other", CONFIG, {**TENSORS, "steps": np.array(8)})
    (tmp_path / "other" / "model.safetensors").rename(folder / "model.safetensors")
    assert refusal(folder) == "/model/model.safetensors was cut short, altered, or belongs to another config.json"


def test_longer_tensors_are_refused_before_they_are_read(folder: Path):
    with open(folder / "model.safetensors", "r+b") as file:
        file.truncate(2**42)
    assert "/model/model.safetensors has 4398046511104 bytes, more than the" in refusal(folder)


def rewritten(folder: Path, **changes) -> Path:
    """The configuration with changes, and with a checksum that fits them."""
    about = {**json.loads((folder / "config.json").read_text(encoding="utf-8")), **changes}
    del about["sha256"]
    canonical = json.dumps(about, sort_keys=True, separators=(",", ":")).encode()
    about["sha256"] = hashlib.sha256(canonical).hexdigest()
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def test_the_checksum_can_be_made_by_hand(folder: Path):
    assert rewritten(folder, config={"other": 1})
    assert read_model(folder)[0] == {"other": 1}


def test_what_another_program_or_version_wrote_is_said(folder: Path):
    assert refusal(folder, kind="checkpoint") == (
        "/model/config.json is a keepgate model, where a keepgate checkpoint is needed"
    )
    rewritten(folder, version=VERSION + 1)
    assert refusal(folder) == (
        f"/model/config.json has format version {VERSION + 1}; this keepgate reads {VERSION}: upgrade keepgate"
    )
    for foreign in ('{"model_type": "bert"}', "[]", "3", '"keepgate model"', '{"format": "other", "version": 1}'):
        (folder / "config.json").write_text(foreign)
        assert "/model/config.json was not written by keepgate" in refusal(folder)
    for foreign in ("", "not JSON", "[" * 100_000, "\x00" * 50, '{"a": ' + "1" * 10_000 + "}"):
        (folder / "config.json").write_text(foreign)
        assert "/model/config.json is not JSON" in refusal(folder)
    (folder / "config.json").write_bytes(b"\xff\xfe\x00")
    assert "/model/config.json is not JSON" in refusal(folder)


@pytest.mark.parametrize(
    "tensors", [None, {}, {"bytes": -1, "sha256": ""}, {"bytes": "8", "sha256": ""}, {"bytes": True, "sha256": ""}]
)
def test_a_configuration_without_its_tensors_is_refused(folder: Path, tensors: object):
    assert "/model/" in refusal(rewritten(folder, tensors=tensors))


def test_what_json_cannot_say_is_not_written(tmp_path: Path):
    for config in ({"a": float("nan")}, {"a": {1, 2}}, {"a": np.float32(1)}):
        with pytest.raises((TypeError, ValueError)):
            write_model(tmp_path / "model", config, {})
    assert not (tmp_path / "model").exists()


def test_more_bytes_than_the_bound_are_not_read(folder: Path):
    size = 2**62
    rewritten(folder, tensors={"bytes": size, "sha256": ""})
    assert f"has {size:,} bytes, more than 4,294,967,296; to allow it, set KEEPGATE_MAX_FILE_BYTES" in refusal(folder)


def test_what_else_a_configuration_file_says_is_refused(folder: Path):
    assert "its checksum does not fit" in refusal(rewritten(folder, more=1))


def test_a_key_that_is_there_twice_is_refused(folder: Path):
    text = (folder / "config.json").read_text(encoding="utf-8")
    (folder / "config.json").write_text(text.replace('"task"', '"task": "other", "task"'), encoding="utf-8")
    assert "/model/config.json is not JSON: the key 'task' is there twice" in refusal(folder)
