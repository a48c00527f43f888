"""Every fuzzer for some seconds, its seed the date; and every case that ever failed."""

from __future__ import annotations

import pytest

from fuzz import harness
from fuzz.__main__ import today
from fuzz.fuzzers import FUZZERS


@pytest.mark.slow
@pytest.mark.parametrize("fuzzer", FUZZERS)
def test_cases_of_today(fuzzer: str):
    seed = today()
    done, failures = harness.run(fuzzer, harness.cases(fuzzer, seed), seconds=FUZZERS[fuzzer], most=3)
    print(f"{fuzzer}: seed {seed}, {done} cases")
    assert not failures, f"python -m fuzz {fuzzer} --seed {seed}\n" + "\n".join(map(str, failures))
    assert done


@pytest.mark.parametrize("fuzzer", FUZZERS)
def test_cases_that_once_failed(fuzzer: str):
    _, failures = harness.run(fuzzer, iter(harness.regressions(fuzzer)))
    assert not failures, "\n".join(map(str, failures))
