"""Limits: how they are set, and the table in the documentation."""

import re

import pytest

from keepgate import limits
from keepgate.errors import InputError
from pages import ROOT

ROW = re.compile(r"^\| `(KEEPGATE_MAX_\w+)` \| ([\d,]+) \| \S.*\|$", re.MULTILINE)


def test_the_documentation_lists_them_all():
    rows = {name: int(default.replace(",", "")) for name, default in ROW.findall((ROOT / "docs/limits.md").read_text())}
    assert rows == {limits.variable(name): default for name, (default, _) in limits.LIMITS.items()}


def test_the_message_of_the_documentation_is_the_one_that_comes(monkeypatch):
    monkeypatch.delenv("KEEPGATE_MAX_COLUMNS", raising=False)
    with pytest.raises(InputError) as caught:
        limits.check("columns", 10**6, "wide.csv")
    assert f"keepgate fit: {caught.value}" in (ROOT / "docs/limits.md").read_text()


def test_a_limit_is_raised_and_lowered_by_its_variable(monkeypatch):
    monkeypatch.setenv("KEEPGATE_MAX_COLUMNS", "3")
    limits.check("columns", 3, "a.csv")
    with pytest.raises(InputError, match=r"a\.csv has 4 columns, more than 3; .* set KEEPGATE_MAX_COLUMNS"):
        limits.check("columns", 4, "a.csv")


@pytest.mark.parametrize("text", ["", "0", "-1", "1e3", "many", "9" * 20, "٣"])
def test_what_is_no_limit_is_refused(monkeypatch, text):
    monkeypatch.setenv("KEEPGATE_MAX_COLUMNS", text)
    with pytest.raises(InputError, match="KEEPGATE_MAX_COLUMNS is a positive integer"):
        limits.check("columns", 1, "a.csv")


def test_security_and_limits_are_linked():
    assert "(SECURITY.md)" in (ROOT / "README.md").read_text()
    assert "(docs/limits.md)" in (ROOT / "SECURITY.md").read_text()
