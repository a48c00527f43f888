"""`Controller`: a recurrent policy that learns by acting in an environment."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate import schema
from keepgate.actions import CHECK, Actions, Inputs
from keepgate.errors import InputError, quoted
from keepgate.runtime.policy import Policy
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import estimator
from keepgate.tasks.common.running import limited_threads
from keepgate.tasks.control.network import ControlNetwork, controller
from keepgate.tasks.control.parameters import ControllerParameters, places
from keepgate.training.callbacks import Callback
from keepgate.training.policy.episodes import Episodes, run_episodes
from keepgate.training.policy.learner import FRESH, Learner, Plan, seeds_for
from keepgate.training.policy.update import Weights
from keepgate.training.progress import progress_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from keepgate.data.environments import Environments, Source
    from keepgate.export.graph import Graph
    from keepgate.tasks.control.watching import Watched

BAR = 100  # parts of the bar of progress


@estimator
class Controller(ControllerParameters, Estimator):
    """Learns to act by acting: a recurrent policy in an environment of gymnasium.

    What acts is a stream of the core; what learns is proximal policy optimisation over whole sequences, in which states
    are reset where episodes begin. What is kept are the weights that did best in evaluations. How well they do is told
    by `evaluate`, from starts that have chosen nothing.

    >>> agent = Controller(steps=512, hidden_size=4, epochs=1, episodes=4, hide="velocity", progress=False)
    >>> agent.fit("CartPole-v1").evaluate(episodes=3).lengths.shape
    (3,)
    >>> agent.policy().act([0.1, 0.0, 0.02, 0.0]) in (0, 1)
    True

    Attributes:
        environment_: the name of the environment, or None of one that has none.
        values_: of an observation.
        seen_: numbers of those that are seen; None: all.
        actions_: what can be done.
        equations_, network_, history_, fit_notes_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = schema.record(
        environment=schema.optional(schema.text()),
        values=schema.whole(1, 10**8),
        seen=schema.optional(schema.several(schema.whole(0, 10**8), least=1)),
        actions=CHECK,
    )
    fixed: ClassVar[tuple[str, ...]] = ("hidden_size", "num_layers", "previous", "observe", "hide", "shared")

    network_: ControlNetwork = field(init=False)
    environment_: str | None = field(init=False)
    values_: int = field(init=False)
    seen_: list[int] | None = field(init=False)
    actions_: Actions = field(init=False)

    def fit(
        self,
        environment: Any,
        *,
        valid: None = None,
        run: str | Path | None = None,
        callbacks: Sequence[Callback] = (),
    ) -> Controller:
        """Let a policy learn in an environment and return self.

        Args:
            environment: an id of gymnasium, "file.py:function", a function that makes one, or a vector environment.
            valid: nothing; evaluations begin in starts of their own.
            run: folder for `metrics.jsonl` and the state of the training; the same call with the same folder resumes
                an interrupted one.
            callbacks: functions of each evaluation's row and the network.

        Raises:
            InputError: there is no such environment, its spaces are of a kind that cannot be used, or it failed.
        """
        from keepgate.data.environments import Environments, source_of

        self.check_parameters()
        if valid is not None:
            raise InputError("control has no held-out data: evaluations begin in starts of their own")
        self.fix_parameters()
        source = source_of(environment).seeing(self.seen(), self.hide)
        with limited_threads(self.threads):
            probe = Environments(source, int(self.environments) if source.shared else 1)
            self.environment_, self.actions_ = _short(source.name), probe.actions
            self.values_, self.seen_ = probe.seen.width, probe.picked
            measured = self.inputs().measured(probe.measured)
            probe.close()
            self.network_ = self.new_network()
            about = {
                "cell": hashlib.sha256(str(self.equations_).encode()).hexdigest(),
                "environment": self.environment_,
            }
            about |= {"observe": self.seen(), "hide": self.hide, "previous": bool(self.previous)}
            about |= {"shared": bool(self.shared)}
            about |= {"hidden_size": int(self.hidden_size), "num_layers": int(self.num_layers)}
            with progress_of(BAR, self.progress) as shown:
                learner = Learner(
                    self.network_,
                    lambda count: Environments(source, count),
                    self.inputs(),
                    measured,
                    self.plan(),
                    about,
                    run,
                    callbacks,
                    shown,
                )
                self.history_ = learner.learn()
        self.fit_notes_ = _notes(self.history_, learner.state.steps)
        return self

    def plan(self) -> Plan:
        """Return how the parameters say to train."""
        values = self.plain_parameters()
        return Plan(
            method=values["method"],
            steps=values["steps"],
            minutes=values["minutes"],
            rows=values["environments"],
            window=values["window"],
            passes=values["epochs"] or 10,
            batch=values["batch_size"],
            discount=float(values["discount"]),
            trace=float(values["trace"]),
            weights=Weights(float(values["clip"]), float(values["value_weight"]), float(values["entropy_weight"])),
            learning_rate=float(values["learning_rate"]),
            clip_norm=values["clip_norm"],
            average=values["average"],
            episodes=values["episodes"],
            longest=values["longest"],
            sampled=bool(values["sampled"]),
            target=values["target"],
            seed=values["seed"],
        )

    def evaluate(
        self, environment: Any = None, *, episodes: int | None = None, forgetful: bool = False, number: int = 0
    ) -> Episodes:
        """Return what episodes from fresh starts come to, which have chosen nothing.

        Args:
            environment: as in `fit`; None: the one that was learned in.
            episodes: how many; None: the parameter.
            forgetful: take the memory from the policy: each step begins in the initial state.
            number: another one means other starts.

        Raises:
            InputError: the environment has other spaces than the one that was learned in.
        """
        self.check_fitted()
        count = int(self.episodes if episodes is None else episodes)
        schema.whole(1, 2**24)("episodes", count)
        rows = self.rows(environment, count)
        seeds = seeds_for(int(self.seed), FRESH, number, count)
        random = np.random.default_rng([int(self.seed), FRESH, number]) if self.sampled else None
        try:
            with limited_threads(self.threads):
                return run_episodes(self.network_, rows, self.inputs(), seeds, int(self.longest), random, forgetful)
        finally:
            rows.close()

    def score(self, environment: Any = None, y: None = None) -> float:
        """Return the mean return of fresh episodes.

        Args:
            environment: as in `evaluate`.
            y: nothing; scikit-learn passes it.
        """
        return float(self.evaluate(environment).returns.mean())

    def policy(self, batch: int = 1) -> Policy:
        """Return the policy, to act step by step; see `keepgate.runtime.policy.Policy`.

        Args:
            batch: rows that act at once.
        """
        self.check_fitted()
        runner = self.network_.runner()
        return Policy(runner, self.inputs(), self.values_, self.seen_, batch)

    def film(self, path: str | Path, environment: Any = None, *, episodes: int = 100) -> list[Watched]:
        """Write a film of the worst, the median and the best of some fresh episodes, and return these.

        Args:
            path: of the film, .mp4 or .gif.
            environment: as in `evaluate`.
            episodes: that the three are chosen from.

        Raises:
            InputError: the environment cannot draw, or the film cannot be written.
        """
        from keepgate.tasks.control.film import film

        self.check_fitted()
        return film(self, path, environment, episodes)

    def source(self, environment: Any = None) -> Source:
        """Return the source of an environment, of which as much is seen as of the one that was learned in.

        Args:
            environment: as in `fit`; None: the one that was learned in.

        Raises:
            InputError: it has no name by which it can be made again, or a file would have to be run that a model names.
        """
        from keepgate.data.environments import source_of

        if environment is None:
            environment = self.environment_
            if environment is None:
                raise InputError("the environment that was learned in has no name: give it again")
            if ".py" in environment or ":" in environment:
                raise InputError(
                    f"the model was trained in {quoted(environment)}, and a model does not run files by itself: name "
                    "the environment again"
                )
        return source_of(environment).seeing(self.seen_, None)

    def rows(self, environment: Any, count: int) -> Environments:
        """Return rows of an environment that is like the one that was learned in.

        Raises:
            InputError: it is not.
        """
        from keepgate.data.environments import Environments

        rows = Environments(self.source(environment), count)
        if rows.width != self.inputs().width or rows.actions != self.actions_:
            rows.close()
            raise InputError(
                f"{rows.source} shows {rows.width} values and takes {rows.actions.width} of an action; the policy was "
                f"trained with {self.inputs().width} and {self.actions_.width}, or with other bounds"
            )
        return rows

    def seen(self) -> tuple[int, ...] | None:
        """Return the numbers of the values that are seen; None: all."""
        return None if self.observe is None else places("observe", self.observe)

    def inputs(self) -> Inputs:
        """Return how the network's inputs are put together."""
        width = self.values_ if self.seen_ is None else len(self.seen_)
        return Inputs(width, self.actions_, bool(self.previous))

    def build_network(self, members: int = 1) -> ControlNetwork:
        """Return the network, untrained."""
        return ControlNetwork(
            controller(self.layers(self.inputs().size), self.actions_.outputs, bool(self.shared)), self.backend
        )

    def learning_curve(self) -> Figure:
        """Return a figure of the returns over steps and over seconds; a notebook shows it."""
        from keepgate.tasks.control.figures import return_curve

        self.check_fitted()
        return return_curve(self.history_)

    def state_to_json(self) -> dict[str, Any]:
        """Return the environment's name, and what is seen and done in it."""
        seen = {"environment": self.environment_, "values": self.values_, "seen": self.seen_}
        return {**seen, "actions": self.actions_.to_json()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Set what `state_to_json` returned, and the network."""
        self.environment_, self.values_, self.seen_ = state["environment"], state["values"], state["seen"]
        if self.seen_ is not None and max(self.seen_) >= self.values_:
            raise InputError(f"seen: an observation has {self.values_} values")
        self.actions_ = Actions.from_json(state["actions"])
        self.network_ = self.build_network()

    def to_onnx(self, graph: Graph) -> None:
        """Emit the network: outputs of the policy, and values, of every step."""
        inputs = {"x": ("input", "what is read at each step, [B, T, I]")}
        outputs = {"policy": ("policy", "outputs of the policy, [B, T, O]"), "value": ("value", "values, [B, T, 1]")}
        self.emit_network(graph, inputs, outputs)


def _short(name: str | None) -> str | None:
    """Return the name of an environment without the folder of a file, which others do not have."""
    return Path(name).name if name is not None and ".py" in name else name


def _notes(rows: Sequence[dict[str, Any]], steps: int) -> list[str]:
    """Return whether the policy was still getting better at the end."""
    evaluated = [row["evaluated"] for row in rows]
    if len(rows) >= 10 and int(np.argmax(evaluated)) >= 0.9 * len(rows) and max(evaluated) > evaluated[len(rows) // 2]:
        return [f"the best policy is of the last tenth of {steps:,} steps: more steps may find a better one"]
    return []
