"""Each algorithm against known optima, a second derivation of its formulas, and its own state."""

from __future__ import annotations

import cma
import numpy as np
import pytest
import torch

from keepgate.training.evolution import CMAES, ESP, PGPE, SNES, CoSyNE, Genetic, Nevergrad, OpenAIES, evolve
from keepgate.training.evolution.ranking import centered_ranks, utilities

N = 6
ALL = {
    "SNES": lambda **o: SNES(np.zeros(N), population=20, **o),
    "OpenAIES": lambda **o: OpenAIES(np.zeros(N), population=20, spread=0.1, **o),
    "PGPE": lambda **o: PGPE(np.zeros(N), population=20, **o),
    "Genetic": lambda **o: Genetic(np.zeros(N), population=20, **o),
    "CoSyNE": lambda **o: CoSyNE(np.zeros(N), population=20, **o),
    "ESP": lambda **o: ESP(np.zeros(N), population=20, trials=2, units=np.arange(N).reshape(3, 2), **o),
    "CMAES": lambda **o: CMAES(np.zeros(N), population=20, **o),
    "Nevergrad": lambda **o: Nevergrad(np.zeros(N), population=20, optimizer="DE", **o),
}


def sphere(population, generation=0):
    """The optimum is at 1, of the value 0."""
    return -np.square(population.astype(float) - 1).sum(1)


def rosenbrock(population, generation=0):
    x = population.astype(float)
    return -(100 * (x[:, 1:] - x[:, :-1] ** 2) ** 2 + (1 - x[:, :-1]) ** 2).sum(1)


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_the_optimum_of_the_sphere_is_found(make):
    start = sphere(np.zeros((1, N)))[0]
    for seed in range(3):
        assert evolve(make(seed=seed), sphere, 200).fitness > 0.05 * start


@pytest.mark.parametrize("make", [ALL["SNES"], ALL["PGPE"], ALL["CMAES"]], ids=["SNES", "PGPE", "CMAES"])
def test_searches_that_adapt_their_steps_come_as_close_as_numbers_can(make):
    found = evolve(make(), sphere, 400)
    assert found.center == pytest.approx(np.ones(N), abs=1e-4)


def test_the_valley_of_rosenbrock_is_followed_to_its_end():
    assert evolve(CMAES(np.zeros(N)), rosenbrock, 300).center == pytest.approx(np.ones(N), abs=1e-3)


def log_density(z, mean, deviation):
    return (-np.square((z - mean) / deviation) / 2 - np.log(deviation)).sum()


def slopes(z, mean, deviation, step=1e-5):
    """The derivatives of the logarithm of the density by mean and by deviation, as difference quotients."""
    rows = []
    for i in range(len(mean)):
        e = step * np.eye(len(mean))[i]
        by_mean = log_density(z, mean + e, deviation) - log_density(z, mean - e, deviation)
        by_deviation = log_density(z, mean, deviation + e) - log_density(z, mean, deviation - e)
        rows.append((by_mean / 2 / step, by_deviation / 2 / step))
    return np.array(rows).T


def test_snes_steps_along_the_natural_gradient():
    """The score by difference quotients, times the inverse of Fisher's matrix of a normal distribution."""
    search = SNES(np.array([0.5, -1.0, 2.0]), spread=0.7, population=8, seed=3, mean_rate=0.3, spread_rate=0.2)
    search.deviation = np.array([0.5, 1.0, 2.0])
    mean, deviation, population = search.mean, search.deviation, search.ask().astype(float)
    fitness = sphere(population)
    gradient = sum(u * slopes(z, mean, deviation) for u, z in zip(utilities(fitness), population, strict=True))
    search.tell(fitness)
    assert search.mean == pytest.approx(mean + 0.3 * deviation**2 * gradient[0], rel=1e-4)  # Fisher: 1 / deviation^2
    logarithm = np.log(deviation) + 0.2 * deviation * gradient[1] / 2  # Fisher of the logarithm: 2
    assert np.log(search.deviation) == pytest.approx(logarithm, rel=1e-4, abs=1e-5)


def test_pgpe_steps_along_the_likelihood_ratio_gradient_times_the_variance():
    search = PGPE(np.array([0.5, -1.0, 2.0]), population=8, seed=3, mean_rate=0.3, spread_rate=0.1)
    search.deviation = np.array([0.5, 1.0, 2.0])
    mean, deviation, population = search.mean, search.deviation, search.ask().astype(float)
    fitness = sphere(population)
    worth = centered_ranks(fitness)
    gradient = sum(r * slopes(z, mean, deviation) for r, z in zip(worth, population, strict=True)) / 8
    search.tell(fitness)
    assert search.mean == pytest.approx(mean + 0.3 * deviation**2 * gradient[0], rel=1e-4)
    assert search.deviation == pytest.approx(deviation + 0.1 * deviation**2 * gradient[1], rel=1e-4)


def test_openai_es_is_adam_on_the_estimated_gradient():
    search = OpenAIES(np.array([0.5, -1.0, 2.0]), population=40, spread=0.1, rate=0.05, decay=0.01)
    weights = torch.tensor(search.start.copy(), requires_grad=True)
    adam = torch.optim.Adam([weights], lr=0.05, maximize=True)
    for _ in range(5):
        population = search.ask().astype(float)
        fitness = sphere(population)
        noise = (population - search.mean) / 0.1
        gradient = (centered_ranks(fitness)[:, None] * noise).sum(0) / (40 * 0.1) - 0.01 * search.mean
        weights.grad = torch.tensor(gradient)
        adam.step()
        search.tell(fitness)
        assert search.mean == pytest.approx(weights.detach().numpy(), rel=1e-5)


def test_a_mirrored_population_is_symmetric():
    for search in (ALL["OpenAIES"](), ALL["PGPE"]()):
        plus, minus = np.split(search.ask(), 2)
        assert plus + minus == pytest.approx(np.zeros_like(plus), abs=1e-6)


def test_the_best_of_the_genetic_algorithm_stays():
    search = ALL["Genetic"]()
    for _ in range(5):
        population = search.ask()
        fitness = sphere(population)
        search.tell(fitness)
        assert search.ask()[0].tobytes() == population[fitness.argmax()].tobytes()


def test_members_of_cosyne_change_places_within_their_subpopulation():
    search = CoSyNE(np.zeros(N), population=12)
    before = search.individuals.copy()
    fitness = sphere(search.ask())
    search.tell(fitness)
    after = search.individuals
    assert after[0].tobytes() == before[fitness.argmax()].tobytes()  # the best keeps its place with certainty
    kept = before[np.argsort(-fitness, kind="stable")[:9]]
    for column in range(N):
        assert set(kept[:, column]) <= set(after[:, column])
    assert not np.array_equal(after[1:9], kept[1:])


def test_every_member_of_a_subpopulation_is_tried_equally_often():
    search = ESP(np.zeros(N), population=20, trials=5, units=[np.array([0, 3]), np.array([1, 2]), np.array([4, 5])])
    networks, pool = search.ask(), search.pool.astype(np.float32)
    for unit in search.units:
        members = [np.flatnonzero((pool[:, unit] == network[unit]).all(1)).item() for network in networks]
        assert np.bincount(members).tolist() == [5] * 4


def test_burst_mutation_begins_anew_around_the_best():
    search = ESP(np.zeros(N), population=20, trials=2, units=np.arange(N).reshape(3, 2), patience=3, burst=1e-3)
    best = search.ask()[0].astype(float)
    search.tell(np.r_[10.0, np.zeros(19)])
    for _ in range(2):
        search.tell(np.zeros(20))
    assert abs(search.pool - best).min(0).max() < abs(search.pool - best).max(0).min()
    search.tell(np.zeros(20))
    assert np.median(abs(search.pool - best)) < 0.01


def test_cmaes_is_the_packages_own():
    search, random = CMAES(np.zeros(N), population=20, seed=5), CMAES(np.zeros(N), seed=5).random()
    options = {"popsize": 20, "seed": np.nan, "verbose": -9, "randn": lambda *shape: random.standard_normal(shape)}
    own = cma.CMAEvolutionStrategy(np.zeros(N), 0.5, options)
    for _ in range(10):
        candidates = own.ask()
        assert search.ask().tobytes() == np.array(candidates, np.float32).tobytes()
        losses = -sphere(search.ask())
        search.tell(-losses)
        own.tell(candidates, losses.tolist())
    assert search.center.tolist() == own.mean.tolist()


def test_libraries_leave_numpys_own_random_numbers_alone():
    np.random.seed(1)
    before = np.random.get_state()[1].tobytes()
    for name in ("CMAES", "Nevergrad"):
        evolve(ALL[name](), sphere, 3)
    assert np.random.get_state()[1].tobytes() == before


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_an_individual_without_fitness_ranks_last(make):
    bad = np.array([3, 7, 19])
    searches = [make(), make()]
    for search, worst in zip(searches, (np.nan, -np.inf), strict=True):
        for _ in range(4):
            fitness = sphere(search.ask())
            fitness[bad] = worst
            search.tell(fitness)
    assert searches[0].ask().tobytes() == searches[1].ask().tobytes()
    assert np.isfinite(searches[0].ask()).all()


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_a_state_goes_on_to_the_same_bits_and_a_seed_is_a_search(make):
    first, second, other = make(seed=1), make(seed=1), make(seed=2)
    for _ in range(3):
        first.tell(sphere(first.ask()))
    second.restore(first.state())
    for _ in range(3):
        assert first.ask().dtype == np.float32
        assert first.ask().tobytes() == second.ask().tobytes()
        for search in (first, second):
            search.tell(sphere(search.ask()))
    other.tell(sphere(other.ask()))
    assert other.ask().tobytes() != first.ask().tobytes()
