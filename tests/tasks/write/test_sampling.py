"""What is drawn has the model's probabilities."""

import numpy as np
import pytest

from keepgate import LanguageModel
from keepgate.errors import InputError
from keepgate.tasks.write.sampling import Sampling, draw, until


def test_what_is_drawn_has_the_models_probabilities():
    log_probs = np.log([0.5, 0.3, 0.15, 0.05])
    random = np.random.default_rng(0)

    def shares(temperature, top_p, top_k=None):
        how = Sampling(temperature=temperature, top_p=top_p, top_k=top_k)
        drawn = [draw(log_probs, how, random) for _ in range(4000)]
        return np.bincount(drawn, minlength=4) / 4000

    np.testing.assert_allclose(shares(1.0, 1.0), [0.5, 0.3, 0.15, 0.05], atol=0.03)
    squares = np.array([0.25, 0.09, 0.0225, 0.0025])
    np.testing.assert_allclose(shares(0.5, 1.0), squares / squares.sum(), atol=0.03)
    np.testing.assert_allclose(shares(1.0, 0.79), [0.625, 0.375, 0, 0], atol=0.03)
    np.testing.assert_allclose(shares(1.0, 0.81), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0], atol=0.03)
    assert shares(1.0, 1e-9).tolist() == [1, 0, 0, 0]
    assert shares(0, 1.0).tolist() == [1, 0, 0, 0]
    np.testing.assert_allclose(shares(1.0, 1.0, 2), [0.625, 0.375, 0, 0], atol=0.03)
    assert shares(1.0, 0.6, 2).tolist() == [1, 0, 0, 0]  # of the two that are left
    np.testing.assert_allclose(shares(1.0, 0.9, 3), [0.5 / 0.95, 0.3 / 0.95, 0.15 / 0.95, 0], atol=0.03)


@pytest.mark.parametrize("cut", range(1, 9))
@pytest.mark.parametrize(
    ("stops", "left"),
    [
        ((), "one two. three"),
        (("two",), "one "),
        (("three", ". "), "one two"),
        (("twofold",), "one two. three"),
        (("one",), ""),
    ],
)
def test_a_text_ends_before_what_stops_it_however_it_comes(stops, left, cut):
    text = "one two. three"
    pieces = [text[k : k + cut] for k in range(0, len(text), cut)]
    assert "".join(until(pieces, stops)) == left


def test_a_penalty_makes_a_model_leave_its_circle():
    model = LanguageModel(hidden_size=16, embedding_size=8, epochs=12, window=8, batch_size=4, learning_rate=0.02)
    model.fit("abababababababababababacd" * 20)
    plain = "".join(model.write("ab", 12, temperature=0))
    assert set(plain) == {"a", "b"}
    assert set("".join(model.write("ab", 12, temperature=0, repetition_penalty=50.0))) > {"c"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"top_k": 0}, "top_k=0 is not possible: it has to be a whole number from 1 on"),
        ({"repetition_penalty": 0.5}, "repetition_penalty=0.5 is not possible"),
        ({"stop": ("",)}, "texts that are not empty"),
    ],
)
def test_values_out_of_range_are_named(options, words):
    with pytest.raises(InputError, match=words):
        Sampling(**options)
