"""SIGTERM and SIGHUP end a command as Ctrl-C does: nothing half-written stays, a training goes on later."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cli.files import csv_lines
from cli.test_main import ENVIRONMENT
from keepgate.cli.stopping import Stopped, stoppable

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends signals")
STOPS = [(signal.SIGTERM, 143), (signal.SIGHUP, 129)]


@pytest.fixture(autouse=True)
def hang_ups():
    """A signal that this process ignores, as under nohup, would be ignored by its children too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def start(*arguments: object, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "keepgate", *map(str, arguments)]
    return subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True, **options)


def wait_until(process: subprocess.Popen, condition) -> None:
    while process.poll() is None and not condition():
        time.sleep(0.01)
    assert process.poll() is None, process.communicate()


@pytest.mark.parametrize(("number", "code"), STOPS)
def test_a_stopped_compression_leaves_nothing(tmp_path: Path, number: int, code: int):
    (tmp_path / "text").write_bytes(bytes(random.Random(0).choices(b"abcdefgh ", k=2_000_000)))
    (tmp_path / "out").write_bytes(b"the one before")
    process = start("compress", tmp_path / "text", "--out", tmp_path / "out", "--force")
    wait_until(process, lambda: len(list(tmp_path.iterdir())) == 3)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert errors == f"keepgate compress: stopped by {signal.Signals(number).name}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "text"]
    assert (tmp_path / "out").read_bytes() == b"the one before"


@pytest.mark.parametrize(("number", "code"), STOPS)
def test_a_stopped_training_goes_on(keepgate, file, tmp_path: Path, number: int, code: int):
    command = ["fit", "classify", str(file("train.csv", csv_lines(count=40))), "--epochs", "40", "--hidden-size", "4"]
    process = start(*command, "--out", tmp_path / "cut")
    metrics = tmp_path / "cut" / "metrics.jsonl"
    wait_until(process, lambda: metrics.exists() and metrics.read_text().count("\n") >= 3)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "the same command goes on from here" in errors
    assert "Traceback" not in errors
    assert not [path for path in (tmp_path / "cut").rglob("*") if path.name.endswith(".keepgate")]
    for out in ("cut", "whole"):
        assert keepgate(*command, "--out", tmp_path / out).code == 0
    models = [(tmp_path / out / "model.safetensors").read_bytes() for out in ("cut", "whole")]
    assert models[0] == models[1]


def test_handlers_are_put_back_and_those_of_others_left():
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        with pytest.raises(Stopped):
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # a second one ends at once
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_child_that_is_forked_meanwhile_ends_by_the_signal():
    ready, told = os.pipe()
    with stoppable():
        child = os.fork()
        if not child:
            try:
                os.write(told, b"ready")  # before, Python forgets the signals of its parent
                time.sleep(60)
            finally:
                os._exit(0)
        assert os.read(ready, 5) == b"ready"
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
    os.close(ready)
    os.close(told)
