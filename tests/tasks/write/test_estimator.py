"""LanguageModel: what it computes and learns, how it writes, what it keeps and refuses."""

import math

import numpy as np
import pytest
import torch

from keepgate import LanguageModel
from keepgate.errors import InputError
from keepgate.tasks import face
from keepgate.training import loop
from tasks.write.data import SMALL, TEXT


def by_hand(model, text):
    """Log-probabilities from torch.nn.LSTM and the tensors of the network by their names, one unit at a time."""
    weights = model.network_.state_dict()
    lstm = torch.nn.LSTM(weights["embedding.weight"].shape[1], 12, int(model.num_layers))
    lstm.load_state_dict({name.removeprefix("recurrent."): w for name, w in weights.items() if "recurrent." in name})
    output, state, found = torch.zeros(12), None, []
    matrix = weights.get("output.weight", weights["embedding.weight"])
    with torch.no_grad():
        for number in model.tokens_.encode(text):
            logits = (matrix @ output + weights["output.bias"]).double()
            found.append(float(logits[number] - logits.exp().sum().log()))
            rows, state = lstm(weights["embedding.weight"][number][None], state)
            output = rows[-1]
    return found


@pytest.mark.parametrize("options", [{}, {"tied": True}, {"num_layers": 2, "embedding_size": 5}])
def test_perplexity_is_a_sum_of_log_probabilities_by_hand(options):
    model = LanguageModel(**{**SMALL, **options}).fit(TEXT)
    text = "the dog sat on the mat; " * 60  # more than one chunk of steps
    expected = by_hand(model, text)
    np.testing.assert_allclose(model.log_probs(text), expected, atol=2e-5)
    row = face(model).evaluate(text)[0]
    assert row["perplexity"] == pytest.approx(math.exp(-sum(expected) / len(text)), rel=1e-5)
    assert row["bits per character"] == pytest.approx(-sum(expected) / math.log(2) / len(text), rel=1e-5)


def test_subwords_and_bytes_are_scored_by_characters(fitted):
    text = "ß sat on the cat"
    row = face(fitted).evaluate(text)[0]
    assert row["nats per character"] == pytest.approx(-fitted.log_probs(text).sum() / 16)
    assert row["perplexity"] == pytest.approx(math.exp(-fitted.log_probs(text).mean()))


def test_it_learns_what_counting_letters_cannot_know():
    model = LanguageModel(hidden_size=32, window=16, batch_size=8, epochs=30, learning_rate=0.01).fit(TEXT * 4)
    rows = {row["model"]: row["bits per character"] for row in face(model).evaluate(TEXT)}
    assert rows["lstm"] < 0.3 < rows["unigram"]


def test_a_model_with_an_adaptive_softmax_is_fitted_and_read_back(tmp_path):
    model = LanguageModel(units="subwords", vocabulary_size=280, adaptive=True, **SMALL).fit(TEXT)
    model.save(tmp_path)
    assert face(LanguageModel.load(tmp_path)).evaluate(TEXT) == face(model).evaluate(TEXT)


# Writing


def test_temperature_0_writes_the_most_probable_units(fitted):
    prompt = "the cat"
    text = "".join(fitted.write(prompt, 12, temperature=0))
    numbers = [*fitted.tokens_.encode(prompt)]
    for _ in range(12):
        series = torch.tensor(numbers)[:, None]
        with torch.no_grad():
            outputs, _ = fitted.network_(series)
            numbers.append(int(fitted.network_.log_probs(outputs[-1]).argmax()))
    written = fitted.tokens_.decode(numbers[-12:])
    assert text == written


def test_a_seed_writes_the_same_text(fitted):
    texts = ["".join(fitted.write("the ", 30, seed=seed)) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_bytes_come_out_as_whole_characters():
    model = LanguageModel(units="bytes", **SMALL).fit("€ß" * 200)
    pieces = [*model.write("€", 40, temperature=0.1, seed=0)]
    assert len("".join(pieces).encode()) >= 40
    assert all(piece for piece in pieces)


def test_a_text_is_written_from_nothing(fitted):
    assert "".join(fitted.write(length=5, seed=0))
    assert "".join(fitted.write("the", length=0)) == ""


# Files and training


def test_a_model_file_gives_the_same(fitted, tmp_path):
    fitted.save(tmp_path)
    again = LanguageModel.load(tmp_path)
    np.testing.assert_array_equal(again.log_probs(TEXT), fitted.log_probs(TEXT))
    assert face(again).evaluate(TEXT) == face(fitted).evaluate(TEXT)
    assert "".join(again.write("the", 20, seed=3)) == "".join(fitted.write("the", 20, seed=3))


def test_the_tensors_of_a_byte_model_are_those_that_are_documented():
    model = LanguageModel(units="bytes", num_layers=2, **{**SMALL, "embedding_size": 5}).fit(TEXT)
    assert {name: tuple(tensor.shape) for name, tensor in model.network_.state_dict().items()} == {
        "embedding.weight": (256, 5),
        **{f"recurrent.weight_ih_l{k}": (48, size) for k, size in enumerate((5, 12))},
        **{f"recurrent.weight_hh_l{k}": (48, 12) for k in range(2)},
        **{f"recurrent.bias_{of}_l{k}": (48,) for of in ("ih", "hh") for k in range(2)},
        "output.weight": (256, 12),
        "output.bias": (256,),
    }
    tied = LanguageModel(units="bytes", tied=True, **SMALL).fit(TEXT)
    assert "output.weight" not in tied.network_.state_dict()


def test_a_training_that_was_stopped_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    whole = LanguageModel(**SMALL).fit(TEXT)
    update, calls = loop.Trainer.update, []

    def stopped(self, window, done):
        calls.append(done)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return update(self, window, done) or True  # a checkpoint after every update

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "update", stopped)
        with pytest.raises(KeyboardInterrupt):
            LanguageModel(**SMALL).fit(TEXT, run=tmp_path)
    resumed = LanguageModel(**SMALL).fit(TEXT, run=tmp_path)
    for name, tensor in whole.network_.state_dict().items():
        assert torch.equal(tensor, resumed.network_.state_dict()[name]), name


@pytest.mark.parametrize(
    ("options", "text", "words"),
    [
        ({}, "", "the text is empty"),
        ({}, 5, "a text is a str or bytes, got int"),
        ({}, "short", "the training text has 4 characters, which is no more than one window of 8"),
        ({"units": "bytes"}, b"short", "has 4 bytes"),
        ({}, b"caf\xe9" * 20, "is not UTF-8 at byte 3"),
        ({"tied": True, "embedding_size": 5}, TEXT, "embedding_size=12, not 5"),
        ({"tied": True, "adaptive": True}, TEXT, "exclude each other"),
    ],
)
def test_what_cannot_be_fitted_is_refused(options, text, words):
    with pytest.raises(InputError, match=words):
        LanguageModel(**{**SMALL, **options}).fit(text)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prompt": "the ß"}, "the prompt has 'ß' as number 5 of its characters, which was not in the training text"),
        ({"temperature": -1}, "temperature=-1"),
        ({"temperature": math.nan}, "temperature=nan"),
        ({"top_p": 0}, "top_p=0"),
        ({"length": -1}, "length=-1"),
    ],
)
def test_what_cannot_be_written_is_refused(options, words):
    model = LanguageModel(**{**SMALL, "epochs": 1}).fit(TEXT)
    with pytest.raises(InputError, match=words):
        model.write(**options)
