from __future__ import annotations

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.training.evolution import CMAES, ESP, SNES, Genetic, Nevergrad, OpenAIES


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: SNES(np.zeros(3), population=1), "population=1 is not possible: it takes at least 2 to compare"),
        (lambda: OpenAIES(np.zeros(3), population=5), "population=5 is odd: OpenAIES draws mirrored pairs"),
        (lambda: SNES(np.zeros((2, 2))), "start has to be [N], finite numbers; got shape (2, 2)"),
        (lambda: SNES(np.array([np.nan])), "start has to be [N], finite numbers; got shape (1,)"),
        (lambda: SNES("a"), "start='a' is no array of numbers"),
        (lambda: SNES(np.zeros(3), seed=-1), "seed=-1 is no whole number from 0 on"),
        (lambda: Genetic(np.zeros(3), mutation=-1.0), "mutation=-1.0 is no number from 0 on"),
        (lambda: ESP(np.zeros(3), units=[np.array([0, 1])]), "the units have to name each of the 3 places once"),
        (
            lambda: ESP(np.zeros(2), units=[np.arange(2)], population=7, trials=5),
            "population=7 has to be trials=5 times at least 2 members of a subpopulation",
        ),
        (lambda: CMAES(np.zeros(1)), "CMAES takes at least 2 numbers and a spread above 0; got 1 and 0.5"),
        (lambda: Nevergrad(np.zeros(3), optimizer="None"), "nevergrad has no optimizer 'None'"),
    ],
)
def test_what_cannot_be_searched_with_is_named(make, sentence):
    with pytest.raises(InputError) as caught:
        make()
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("fitness", "sentence"),
    [
        (np.zeros(3), "the fitness of generation 0 has to be 4 numbers, one for each individual; got shape (3,) of "
         "float64"),
        (["a"] * 4, "the fitness of generation 0 has to be 4 numbers, one for each individual; got shape (4,) of <U1"),
        (np.full(4, np.nan), "the fitness of all 4 individuals of generation 0 is NaN or -inf: there is nothing to "
         "choose by; look into the fitness function"),
    ],
)  # fmt: skip
def test_what_is_no_fitness_is_named_and_changes_nothing(fitness, sentence):
    search = SNES(np.zeros(3), population=4)
    before = search.ask()
    with pytest.raises(InputError) as caught:
        search.tell(fitness)
    assert str(caught.value) == sentence
    assert search.generation == 0
    assert search.ask().tobytes() == before.tobytes()


def test_the_state_of_another_search_is_refused():
    with pytest.raises(InputError, match="the state lacks mean, or has another one than this SNES"):
        SNES(np.zeros(3)).restore(SNES(np.zeros(4)).state())
    with pytest.raises(InputError, match="the state lacks told"):
        CMAES(np.zeros(3)).restore(SNES(np.zeros(3)).state())


def test_noise_depends_on_seed_and_generation_alone():
    first, second = SNES(np.zeros(3)), SNES(np.ones(3), spread=2.0)
    assert first.noise().tobytes() == second.noise().tobytes()
    before = first.noise()
    first.tell(np.arange(64))
    assert first.noise().tobytes() != before.tobytes()
