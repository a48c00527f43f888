"""The command-line side of control: environments by name, returns next to baselines, and the report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate.tasks.common.face import Face
from keepgate.tasks.common.report.section import Section
from keepgate.training.policy.episodes import Episodes, chance_episodes
from keepgate.training.policy.learner import FRESH, seeds_for

if TYPE_CHECKING:
    import pyarrow as pa

    from keepgate.data.environments import Source


class ControllerFace(Face):
    """Face of `Controller`; its data are the source of an environment, its predictions the episodes by policy."""

    needs_data: ClassVar[bool] = False

    @classmethod
    def read(cls, path: str | Path, columns: Any = None, *, labelled: bool = True) -> Source:
        """Return the source of an environment that is named."""
        from keepgate.data.environments import source_of

        return source_of(path)

    def read_alike(self, path: Any, *, labelled: bool = True) -> Source:
        """Return the source of an environment; without a name, of the one that was learned in."""
        return self.estimator.source(path)

    def about(self, data: Source) -> list[str]:
        """Return what is seen and done in the environment."""
        model = self.estimator
        kinds = {"one": "one of {}", "bits": "{} on or off", "numbers": "{} numbers"}
        done = ", ".join(kinds[part.kind].format(part.size) for part in model.actions_.parts)
        seen = model.values_ if model.seen_ is None else f"{len(model.seen_)} of {model.values_}"
        return [f"{data} shows {seen} values; an action is {done}"]

    def table(self, data: Source) -> pa.Table:
        """Return what each of some fresh episodes came to."""
        import pyarrow as pa

        found = self.estimator.evaluate(data)
        return pa.table({"seed": found.seeds, "return": found.returns, "length": found.lengths})

    def predictions(self, data: Source) -> Mapping[str, Episodes]:
        """Return fresh episodes of the policy, of the same one without its memory, and by chance."""
        model, count = self.estimator, int(self.estimator.episodes)
        found = {model.cell_name(): model.evaluate(data)}
        found["the same without memory"] = model.evaluate(data, forgetful=True)
        rows = model.rows(data, count)
        try:
            seeds = seeds_for(int(model.seed), FRESH, 0, count)
            found["chance"] = chance_episodes(rows, model.actions_, seeds, int(model.longest), int(model.seed))
        finally:
            rows.close()
        return found

    def scores(self, data: Source, predictions: Mapping[str, Episodes]) -> list[dict[str, Any]]:
        """Return mean, spread, worst and best of the returns, and the mean length, of each."""
        return [
            {
                "model": name,
                "return": float(found.returns.mean()),
                "deviation": float(found.returns.std()),
                "worst": float(found.returns.min()),
                "best": float(found.returns.max()),
                "length": float(found.lengths.mean()),
            }
            for name, found in predictions.items()
        ]

    def sections(self, data: Source, predictions: Mapping[str, Episodes], where: str) -> list[Section]:
        """Return the returns of fresh episodes, their course over the training, and one episode as strips."""
        from keepgate.tasks.control.figures import episode_strips, return_curve
        from keepgate.tasks.control.watching import watched

        model = self.estimator
        first = next(iter(predictions.values()))
        text = (
            f"{len(first.returns)} episodes from {where}; actions are {'drawn' if model.sampled else 'the likeliest'}."
        )
        lines = {name: float(found.returns.mean()) for name, found in list(predictions.items())[1:]}
        median = int(np.argsort(first.returns)[len(first.returns) // 2])
        episode = watched(model, data, int(first.seeds[median]))
        return [
            Section("Returns of fresh episodes", text, self.scores(data, predictions)),
            Section("Return over the training", figure=return_curve(model.history_, lines)),
            Section("One episode", f"It returned {episode.reward.sum():.4g}.", figure=episode_strips(episode)),
        ]

    def shown(self, data: Any, valid: Any) -> tuple[Any, str]:
        """Return the environment, and what its fresh episodes are called."""
        return data, "starts that chose nothing"
