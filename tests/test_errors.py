from __future__ import annotations

import pytest

from keepgate import errors
from keepgate.errors import KeepgateError, MissingExtraError, listed, printable, quoted, reason


class Unspeakable:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a", "'a'"),
        ("it's", '"it\'s"'),
        (b"x", "b'x'"),
        (None, "None"),
        ("x" * 78, "'" + "x" * 78 + "'"),
        ("x" * 79, "'" + "x" * 75 + "...'"),
        (list(range(1000)), str(list(range(1000)))[:77] + "..."),
        (10**5000, "<int>"),
        (Unspeakable(), "<Unspeakable>"),
    ],
    ids=range(9),
)
def test_quoted(value, shown):
    assert quoted(value) == shown
    assert len(quoted(value)) <= 80


@pytest.mark.parametrize(
    ("values", "text"),
    [([], "nothing"), (["a"], "'a'"), (["a", 1], "'a', 1"), (range(10), ", ".join(map(str, range(10))))],
)
def test_listed(values, text):
    assert listed(values) == text
    assert listed([*range(11)]) == ", ".join(map(str, range(10))) + " and 1 more"


def test_reasons_are_short_and_on_one_line():
    assert reason(ValueError("a\n  b\tc")) == "a b c"
    assert reason(ValueError()) == "ValueError"
    assert reason(ValueError("x" * 10**6)) == "x" * 197 + "..."


@pytest.mark.parametrize("steering", ["\x1b[2J", "\r", "\n", "\x00", "\u202e", "\x9b"])
def test_messages_do_not_steer_a_terminal(steering):
    message = str(KeepgateError(f"a{steering}b"))
    assert message.isprintable()
    assert message.startswith("a\\")
    assert printable("日本 é") == "日本 é"


def test_every_error_is_one_of_ours_and_one_of_pythons():
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, KeepgateError)]
    assert len(kinds) > 5
    for kind in kinds:
        assert kind is KeepgateError or issubclass(kind, (ValueError, RuntimeError, TypeError, ImportError)), kind


def test_a_package_that_is_missing_is_named_with_its_extra():
    missing = MissingExtraError.of("keepgate.x", ModuleNotFoundError(name="onnx.helper"))
    assert str(missing) == "keepgate.x needs onnx.helper, which is not installed; run: pip install 'keepgate[export]'"
    own = ModuleNotFoundError(name="keepgate.nothing")
    assert MissingExtraError.of("keepgate.x", own) is own
