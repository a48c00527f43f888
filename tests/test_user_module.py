from __future__ import annotations

import sys
from pathlib import Path

import pytest

from keepgate.user_module import FAULTS, run_file


def test_a_file_is_run_anew_each_time_and_hides_no_module(tmp_path: Path):
    path = tmp_path / "json.py"
    path.write_text("value = 3\n")
    module = run_file(path, "cell")
    path.write_text("value = 40\n")
    assert (module.value, run_file(path, "cell").value) == (3, 40)
    assert sys.modules.get("json", module) is not module
    assert module.__name__ not in sys.modules


@pytest.mark.parametrize("content", ["1 / 0", "raise SystemExit", "def"])
def test_what_it_raises_is_a_fault(content: str, tmp_path: Path):
    (tmp_path / "a.py").write_text(content)
    with pytest.raises(FAULTS):
        run_file(tmp_path / "a.py", "cell")
