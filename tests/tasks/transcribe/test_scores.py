"""Error rates and confusions, counted by hand."""

import pytest

from keepgate.tasks.transcribe.scores import confusions, error_rates


def test_rates_are_edits_over_true_symbols_and_words():
    rates = error_rates(["ab cd", "e"], ["ab cx", "ef"], "characters")
    assert rates == {"character error rate": pytest.approx(2 / 6), "word error rate": pytest.approx(2 / 3)}
    assert error_rates(["a b"], ["a"], "words") == {"word error rate": 0.5}


def test_what_was_taken_for_what_is_counted():
    assert confusions(["abc", "abc", "ab"], ["adc", "adc", "abc"], "characters") == {("b", "d"): 2, ("", "c"): 1}
