"""A search over parameters within a time: `tune` tries an estimator's, keeps what did best, and fits with it.

Parameters are drawn by a tree-structured Parzen estimator (Bergstra et al. 2011), and trials that are behind others at
the same part of their training are ended by successive halving (Jamieson & Talwalkar 2016); both are optuna's.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn.base import clone

from keepgate.errors import InputError, MissingExtraError
from keepgate.tasks.common.parameters import parameters
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keepgate.tasks.common.estimator import Estimator

__all__ = ["tune", "tuning_figure"]

SHARE = 0.2  # held out where nothing else says how much
TRIALS = 6  # that there is time for, if none ends early
STEPS = 9  # of a training, at which trials are compared


def _around(value: float, least: float, most: float) -> dict[str, Any]:
    return {"low": value * least, "high": value * most, "log": True}


# How parameters are drawn, from their defaults.
RANGES: Mapping[str, Any] = {
    "learning_rate": lambda trial, name, value: trial.suggest_float(name, **_around(value, 1 / 8, 4)),
    "weight_decay": lambda trial, name, value: trial.suggest_float(name, 1e-4, 0.3, log=True),
    "dropout": lambda trial, name, value: trial.suggest_float(name, 0.0, 0.6),
    "hidden_size": lambda trial, name, value: trial.suggest_categorical(name, [value // 2, value, 2 * value]),
    "num_layers": lambda trial, name, value: trial.suggest_int(name, 1, max(3, value)),
    "batch_size": lambda trial, name, value: trial.suggest_categorical(name, [max(value // 2, 1), value, 2 * value]),
}


def tune(estimator: Any, *data: Any, minutes: float, run: str | Path | None = None, **options: Any) -> Any:
    """Search for parameters of an estimator, fit it with the best on all data, and return it.

    Drawn are learning rate, weight decay, dropout, units, layers and batch size, as far as they have their default
    values: what was set is kept. The first trial has the defaults. Each is judged by its best epoch on the part that
    `valid` gives or `hold_out` takes. Which trials there is time for depends on the machine.

    Args:
        estimator: to fit; its parameters are set to the best ones.
        data: as its `fit` takes them.
        minutes: for the search; the last fit comes after it.
        run: folder of the run, which has `search.log` of the trials; the same call with the same folder goes on.
        options: of `fit`.

    Returns:
        The estimator; `trials_` are the rows of the search, best first.

    Raises:
        InputError: nothing is held out, or no trial came to an end.
        MissingExtraError: the package optuna is not installed.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise MissingExtraError.of("keepgate.tune", error) from None
    if not 0 < minutes < math.inf:
        raise InputError(f"minutes={minutes} of the search are not above 0")
    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    defaults = searched(estimator)
    study = _study(optuna, estimator, run)
    if not study.trials:
        study.enqueue_trial(defaults)

    def objective(trial: Any) -> float:
        values = {name: RANGES[name](trial, name, value) for name, value in defaults.items()}
        most = min(minutes / TRIALS, max(minutes - _spent(study), 1e-3))
        tried: Any = clone(estimator)
        tried.set_params(**values, **_of_trials(estimator, most))
        try:
            tried.fit(*data, callbacks=[_watch(optuna, trial, tried)], **options)
        except InputError as error:  # such as a loss that is not finite; the defaults have to do
            if trial.number == 0:
                raise
            raise optuna.TrialPruned(str(error)) from error
        return max(_judged(row) for row in tried.history_)

    while (left := minutes - _spent(study)) > 0:
        study.optimize(objective, n_trials=1, timeout=60 * left)
    ended = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE]
    if not ended:
        raise InputError(f"no trial came to an end in {minutes:g} minutes: give more")
    best = max(ended, key=lambda t: t.value)
    estimator.set_params(**best.params)
    estimator.fit(*data, run=run, **options)
    estimator.trials_ = _rows(optuna, study)
    named = ", ".join(f"{name}={value:.4g}" for name, value in best.params.items())
    estimator.fit_notes_.insert(0, f"of {len(study.trials)} trials the best has {named}")
    return estimator


def searched(estimator: Estimator) -> dict[str, Any]:
    """Return the parameters that are drawn, with their values: those that have their defaults."""
    defaults = {name: meta["default"] for name, _, meta in parameters(type(estimator))}
    values = estimator.plain_parameters()
    return {name: values[name] for name in RANGES if values.get(name) == defaults.get(name, math.nan)}


def _study(optuna: Any, estimator: Estimator, run: str | Path | None) -> Any:
    storage = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that parts of optuna may change
        if run is not None:
            Path(run).mkdir(parents=True, exist_ok=True)
            backend = optuna.storages.journal.JournalFileBackend(str(Path(run) / "search.log"))
            storage = optuna.storages.JournalStorage(backend)
        return optuna.create_study(
            study_name="search",
            direction="maximize",
            storage=storage,
            load_if_exists=True,
            sampler=optuna.samplers.TPESampler(seed=int(estimator.seed), n_startup_trials=6, multivariate=True),
            pruner=optuna.pruners.SuccessiveHalvingPruner(min_resource=2, reduction_factor=3),
        )


def _spent(study: Any) -> float:
    """Return the minutes of all trials that have ended, in earlier calls too."""
    return sum(t.duration.total_seconds() for t in study.trials if t.duration is not None) / 60


def _of_trials(estimator: Estimator, minutes: float) -> dict[str, Any]:
    """Return parameters that a trial has whatever is searched: it ends in time, and learns nothing twice."""
    values = estimator.get_params(deep=False)
    own = {"minutes": min(values["minutes"] or math.inf, minutes), "progress": False}
    own |= {name: value for name, value in {"refit": False, "ensemble": 1, "folds": 0}.items() if name in values}
    if values.get("hold_out", SHARE) is None:
        own["hold_out"] = SHARE
    return own


def _judged(row: Mapping[str, Any]) -> float:
    """Return how good an epoch was: its held-out score, or less its loss."""
    if row["valid_loss"] is None:
        raise InputError("a search needs held-out data: give valid, or a hold_out above 0")
    return row.get("valid_score", -row["valid_loss"])


def _watch(optuna: Any, trial: Any, estimator: Estimator) -> Callback:
    """Return a callback that reports epochs, and ends a trial that is behind the others."""
    started, best, reported = time.monotonic(), -math.inf, set[int]()

    def watch(row: Mapping[str, Any], _: Any) -> None:
        nonlocal best
        best = max(best, _judged(row))
        done = max(row["epoch"] / estimator.epochs_, (time.monotonic() - started) / (60 * (estimator.minutes or 1)))
        if (step := min(int(STEPS * done), STEPS)) in reported:
            return
        reported.add(step)
        trial.report(best, step)
        if 0 < step < STEPS and trial.should_prune():
            raise optuna.TrialPruned

    return watch


def _rows(optuna: Any, study: Any) -> list[dict[str, Any]]:
    rows = [
        {"trial": t.number, "score": t.value, "to the end": t.state == optuna.trial.TrialState.COMPLETE, **t.params}
        for t in study.trials
        if t.value is not None
    ]
    return sorted(rows, key=lambda row: -row["score"])


def tuning_figure(rows: list[dict[str, Any]]) -> Figure:
    """Return a figure of score against each parameter that was searched, from `trials_`."""
    from keepgate.tasks.common.report.figures import ShownFigure

    names = [name for name in rows[0] if name in RANGES]
    figure = ShownFigure(figsize=(7.0, 2.2 * -(-len(names) // 3)), layout="constrained")
    for axes, name in zip(figure.subplots(-(-len(names) // 3), 3, squeeze=False).flat, names, strict=False):
        for ended, color in ((True, "C0"), (False, "0.7")):
            some = [row for row in rows if row["to the end"] is ended]
            axes.scatter([row[name] for row in some], [row["score"] for row in some], 14, color=color)
        axes.scatter(rows[0][name], rows[0]["score"], 40, color="C3")
        axes.set(xlabel=name, xscale="log" if name in ("learning_rate", "weight_decay") else "linear")
    return figure
