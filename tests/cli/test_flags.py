import argparse
from dataclasses import dataclass

import pytest

from keepgate.cli.flags import add_flags, take
from keepgate.tasks.common.parameters import param


@dataclass
class Options:
    batch_size: int = param(32, "rows at 100 % of the memory")
    share: float | None = param(None, "which part")
    kind: str = param("a", "which one", choices=("a", "b"))
    parts: tuple[float, ...] = param((0.1, 0.9), "which quantiles")
    names: tuple[str, ...] | None = param(None, "which columns")
    fast: bool = param(True, "whether to hurry")


def parse(*arguments):
    parser = argparse.ArgumentParser()
    add_flags(parser, Options)
    return take(parser.parse_args(arguments), Options)


def test_without_flags_there_are_the_defaults():
    assert parse() == Options()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--batch-size", "8"], {"batch_size": 8}),
        (["--share", "0.5"], {"share": 0.5}),
        (["--share", "none"], {"share": None}),
        (["--kind", "b"], {"kind": "b"}),
        (["--parts", "0.2", "0.5"], {"parts": (0.2, 0.5)}),
        (["--names", "x", "y"], {"names": ("x", "y")}),
        (["--names", "none"], {"names": None}),
        (["--no-fast"], {"fast": False}),
        (["--fast"], {"fast": True}),
    ],
)
def test_a_flag_sets_its_field(arguments, expected):
    assert parse(*arguments) == Options(**expected)


@pytest.mark.parametrize(
    "arguments", [["--batch-size", "x"], ["--batch-size", "1.5"], ["--share", "x"], ["--kind", "c"]]
)
def test_a_value_of_another_type_is_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        parse(*arguments)
    assert stop.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_help_shows_every_default(capsys):
    with pytest.raises(SystemExit):
        parse("--help")
    words = " ".join(capsys.readouterr().out.split())
    for text in ("100 % of the memory (default: 32)", "part (default: none)", "quantiles (default: 0.1 0.9)"):
        assert text in words
    assert "--fast, --no-fast whether to hurry (default: yes)" in words
    assert "{a,b}" in words
