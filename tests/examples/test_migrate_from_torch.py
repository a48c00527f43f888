"""The example with keepgate's import and with torch's: the same numbers."""

from __future__ import annotations

import pytest

from pages import ROOT

SOURCE = (ROOT / "examples" / "migrate_from_torch.py").read_text()
OURS, TORCHS = "from keepgate.nn import LSTM\n", "from torch.nn import LSTM\n"


def numbers(source: str, updates: int) -> list[float]:
    scope = {"__name__": "example"}
    exec(compile(source, "migrate_from_torch.py", "exec"), scope)
    return scope["main"](updates)


def test_one_import_is_all_that_changes():
    assert SOURCE.count(OURS) == 1
    assert "keepgate" not in SOURCE.partition('"""\n\nimport')[2].replace(OURS, "")


@pytest.mark.slow
def test_both_print_the_same():
    ours, torchs = numbers(SOURCE, 60), numbers(SOURCE.replace(OURS, TORCHS), 60)
    assert ours == pytest.approx(torchs, rel=2e-3)
    assert ours[-2] < 0.8 * ours[0]


def test_the_first_updates_are_the_same():
    assert numbers(SOURCE, 10) == pytest.approx(numbers(SOURCE.replace(OURS, TORCHS), 10), rel=1e-4)
