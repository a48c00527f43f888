from __future__ import annotations

import numpy as np
import pytest

from keepgate.errors import InputError
from keepgate.training.evolution import SNES, CoSyNE, evolve


def plane(population, generation):
    return population.sum(1)


def test_a_row_says_what_was_found():
    seen = []

    def fitness(population, generation):
        seen.append((len(population), generation))
        return np.r_[np.nan, population[1:, 0]]

    rows = []
    found = evolve(SNES(np.zeros(2), population=4), fitness, 2, callbacks=[lambda row, search: rows.append(row)])
    assert seen == [(5, 0), (5, 1)]  # the fifth is the mean individual
    first = SNES(np.zeros(2), population=4).ask()
    row = {key: value for key, value in found.rows[0].items() if key != "seconds"}
    assert row == {
        "generation": 1,
        "evaluations": 5,
        "best": first[1:, 0].max(),
        "mean": pytest.approx(first[1:, 0].mean()),
        "spread": pytest.approx(first[1:, 0].std()),
        "center": 0.0,
        "lost": 1,
    }
    assert rows == found.rows
    assert found.rows[1]["evaluations"] == 10
    assert found.finished


def test_the_best_is_the_best_of_all_generations():
    found = evolve(CoSyNE(np.zeros(4)), lambda p, g: -np.square(p - 1).sum(1) - g, 9, center_every=0)
    assert found.fitness == found.rows[0]["best"] == max(row["best"] for row in found.rows)
    assert -np.square(found.best - 1).sum() == pytest.approx(found.fitness)
    assert found.center is None
    assert found.rows[-1]["evaluations"] == 180


def test_a_search_ends_when_it_is_told_so():
    def reached(row, champion):
        assert champion.sum() == pytest.approx(row["best"])
        return row["best"] > 3

    found = evolve(SNES(np.zeros(4)), plane, 500, until=reached)
    assert found.rows[-1]["best"] > 3
    assert len(found.rows) < 50
    assert all(row["best"] <= 3 for row in found.rows[:-1])


def broken(population, generation):
    raise ZeroDivisionError("no pole")


@pytest.mark.parametrize(
    ("fitness", "sentence"),
    [
        (broken, "the fitness of individuals 0 to 4 in generation 0 raised ZeroDivisionError: no pole"),
        (lambda p, g: 3.0, "the fitness of individuals 0 to 4 in generation 0 has to be 5 numbers, one for each; got "
         "shape () of float64"),
        (lambda p, g: p, "the fitness of individuals 0 to 4 in generation 0 has to be 5 numbers, one for each; got "
         "shape (5, 2) of float32"),
        (lambda p, g: p[:, 0] * np.nan, "the fitness of all 4 individuals of generation 0 is NaN or -inf: there is "
         "nothing to choose by; look into the fitness function"),
    ],
)  # fmt: skip
def test_what_is_no_fitness_is_named(fitness, sentence):
    with pytest.raises(InputError) as caught:
        evolve(SNES(np.zeros(2), population=4), fitness, 3)
    assert str(caught.value) == sentence


def test_generations_are_counted():
    with pytest.raises(InputError, match="generations=0 is no whole number from 1 on"):
        evolve(SNES(np.zeros(2)), plane, 0)
