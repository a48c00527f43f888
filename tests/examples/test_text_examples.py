"""The examples of language run on texts of any size and print what they say."""

from __future__ import annotations

import re
import runpy
import sys

import pytest

from pages import ROOT

LINES = "First Citizen:\nBefore we proceed any further, hear me speak.\n\nAll:\nSpeak, speak.\n\n" * 30


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """`run(name, *flags)` runs an example on small texts and gives what it printed."""
    for name in ("tiny_shakespeare", "alice29", "lcet10"):
        (tmp_path / f"{name}.txt").write_text(LINES)

    def call(name: str, *flags: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, "--data", str(tmp_path), "--out", str(tmp_path / "run"), *flags])
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        return capsys.readouterr().out

    return call


def test_tiny_shakespeare(run, tmp_path):
    printed = run("tiny_shakespeare.py", "--epochs", "1")
    assert (
        f"{int(0.9 * len(LINES)):,} characters to train on, {len(LINES) - int(0.9 * len(LINES)):,} held out" in printed
    )
    assert re.findall(r"^(\S+): [\d.]+ nats, [\d.]+ bits a character$", printed, re.MULTILINE) == [
        "lstm",
        "6-gram",
        "unigram",
    ]
    assert (tmp_path / "run" / "model.safetensors").exists()


def test_keystrokes(run, tmp_path):
    printed = run("keystrokes.py")
    found = re.findall(r"([\d,]+) keystrokes for ([\d,]+) characters, ([\d.]+) % saved", printed)
    assert len(found) == 3
    for keystrokes, characters, saved in found:
        taken, of = (int(number.replace(",", "")) for number in (keystrokes, characters))
        assert float(saved) == pytest.approx(100 * (1 - taken / of), abs=0.05)
    size = sum(
        path.stat().st_size for path in (tmp_path / "run").rglob("*") if path.suffix in (".json", ".safetensors")
    )
    assert f"model files: {size / 1e6:.2f} MB" in printed
