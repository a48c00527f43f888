from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.training import Settings
from keepgate.training.settings import RULES

WRONG = [
    ("epochs", 0, "epochs=0 is not possible: it has to be a whole number from 1 on"),
    ("epochs", 1.5, "a whole number"),
    ("epochs", True, "a whole number"),
    ("batch_size", -3, "a whole number from 1 on"),
    ("optimizer", "adagrad", "optimizer='adagrad' is not possible: it has to be one of adam, adamw, sgd"),
    ("learning_rate", 0.0, "a number above 0"),
    ("learning_rate", float("nan"), "a number above 0"),
    ("learning_rate", float("inf"), "a number above 0"),
    ("learning_rate", "fast", "learning_rate='fast' is not possible"),
    ("learning_rate", None, "a number above 0"),
    ("weight_decay", -1e-9, "a number from 0 on"),
    ("momentum", 1.0, "below 1"),
    ("clip_norm", 0.0, "a number above 0 or None"),
    ("schedule", "step", "one of constant, cosine, plateau"),
    ("plateau_epochs", 0, "a whole number from 1 on"),
    ("plateau_factor", 1.0, "between 0 and 1"),
    ("warmup", 1.1, "from 0 to 1"),
    ("patience", 0, "a whole number from 1 on or None"),
    ("window", 0, "a whole number from 1 on or None"),
    ("minutes", 0, "a number above 0 or None"),
    ("average", 1.0, "a number between 0 and 1 or None"),
    ("seed", -1, "a whole number from 0 on"),
    ("checkpoint_seconds", float("nan"), "a number from 0 on"),
]


@pytest.mark.parametrize(("name", "value", "said"), WRONG, ids=lambda value: str(value)[:20])
def test_a_wrong_value_is_named(name: str, value: object, said: str):
    with pytest.raises(InputError) as caught:
        Settings(**{name: value})
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{name}={value!r}")


def test_every_setting_has_a_rule_and_every_rule_a_test():
    names = [field.name for field in dataclasses.fields(Settings)]
    assert names == list(RULES)
    assert set(names) == {name for name, _, _ in WRONG}


def test_numbers_of_numpy_become_those_of_python():
    settings = Settings(epochs=np.int64(3), learning_rate=np.float32(0.5), warmup=0, clip_norm=None)
    assert [type(value) for value in (settings.epochs, settings.learning_rate, settings.warmup)] == [int, float, float]
    assert settings == Settings(epochs=3, learning_rate=0.5, clip_norm=None)
