"""`MetaLearner`: a recurrent network that learns functions within its activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from keepgate import schema
from keepgate.errors import InputError
from keepgate.meta.examples import FamilyExamples
from keepgate.meta.families import FAMILIES, Family, family_of
from keepgate.meta.function import LearnedFunction
from keepgate.meta.network import MetaLearnerNetwork, meta_learner
from keepgate.meta.parameters import MetaLearnerParameters
from keepgate.tasks.common.estimator import Estimator
from keepgate.tasks.common.parameters import estimator
from keepgate.training.callbacks import Callback

if TYPE_CHECKING:
    from keepgate.export.graph import Graph
    from keepgate.meta.curve import Curve

__all__ = ["MetaLearner"]

HELD_OUT = 1_024  # functions that choose the best epoch
MOST_WIDTH = 65_536  # of inputs and outputs
TRAINED, CHOSEN, SCALED, TESTED = range(4)  # what the seed draws functions for


@estimator
class MetaLearner(MetaLearnerParameters, Estimator):
    """Learns to learn the functions of a family (Hochreiter, Younger & Conwell 2001).

    A recurrent network reads at each step an input and the target of the example before, and is trained by gradients,
    over many functions, to say the target of this one. Afterwards its weights stay as they are: a new function of the
    family is learned from examples by the states of its cells alone (Hochreiter, Younger & Conwell 2001, "Learning to
    Learn Using Gradient Descent", ICANN). With classes for targets it is trained by the cross-entropy, as in Santoro et
    al. 2016, "Meta-Learning with Memory-Augmented Neural Networks".

    >>> import numpy as np
    >>> learner = MetaLearner(hidden_size=8, epochs=1, functions=256, shown=8).fit("linear")
    >>> function = learner.learn([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], [0.5, 1.0, 0.0])
    >>> function.predict([[1.0, 1.0], [0.5, 0.5]]).shape, function.count
    ((2,), 3)

    Attributes:
        family_: the family that it was trained on; after `load` only where it is one of `FAMILIES`, else None.
        classes_: how many classes the targets name; 0: they are numbers.
        n_features_in_: I, of inputs.
        n_outputs_: O, of targets.
        equations_, network_, history_: as in every estimator of keepgate.
    """

    STATE: ClassVar[schema.Check] = schema.record(
        family=schema.text(),
        inputs=schema.whole(1, MOST_WIDTH),
        outputs=schema.whole(1, MOST_WIDTH),
        classes=schema.whole(0, MOST_WIDTH),
    )
    fixed: ClassVar[tuple[str, ...]] = ("hidden_size", "num_layers")

    network_: MetaLearnerNetwork = field(init=False)
    family_: Family | None = field(init=False)
    classes_: int = field(init=False)
    n_features_in_: int = field(init=False)
    n_outputs_: int = field(init=False)

    def fit(
        self, family: Any, *, valid: Any = None, run: str | Path | None = None, callbacks: Sequence[Callback] = ()
    ) -> MetaLearner:
        """Learn to learn the functions of a family, and return self.

        Args:
            family: a name in `FAMILIES`, a `Family`, or a callable as its `draw`.
            valid: the family whose functions choose the best epoch; None: others of the same.
            run: folder for `metrics.jsonl` and checkpoints; the same call with the same folder resumes an interrupted
                training to the same bits.
            callbacks: functions of each epoch's row and the network.

        Raises:
            InputError: the family is unknown, or draws what is not possible; the two families do not go together.
        """
        self.check_parameters()
        self.family_ = chosen = family_of(family)
        x, y = chosen(int(self.shown), HELD_OUT, self._random(SCALED))
        self.n_features_in_, self.classes_ = x.shape[2], chosen.classes
        self.n_outputs_ = chosen.classes or y.shape[2]
        held_out = chosen if valid is None else family_of(valid)
        self._check_alike(held_out)
        self.network_ = self.new_network()
        self.network_.scale(x.reshape(-1, x.shape[2]), y.reshape(-1, *y.shape[2:]))
        shown, seed = int(self.shown), int(self.seed)
        learned = FamilyExamples(chosen, int(self.functions), shown, (seed, TRAINED))
        others = FamilyExamples(held_out, HELD_OUT, shown, (seed, CHOSEN))
        self.train_network(MetaLearnerNetwork.loss, learned, others, run, callbacks=callbacks)
        return self

    def learn(self, X: Any, y: Any) -> LearnedFunction:
        """Return a new function, learned from examples; it learns on by its own `learn`.

        Args:
            X: [N, I]; none: a function of which nothing is known yet.
            y: [N, O], for one output [N]; classes as numbers [N].

        Raises:
            InputError: a shape is wrong, a value is not finite or no class.
        """
        self.check_fitted()
        return LearnedFunction(self.network_, self.classes_).learn(X, y)

    def curve(self, family: Any = None, *, functions: int = 1_000, examples: int = 40) -> Curve:
        """Return the error over the number of examples, beside those of baselines, on functions never drawn before.

        Args:
            family: to draw from; None: the one that it was trained on.
            functions: how many.
            examples: of each.

        Raises:
            InputError: the family is unknown, or does not fit the model.
        """
        from keepgate.meta.curve import curve

        self.check_fitted()
        x, y = self._tested(family, examples, functions)
        return curve(self._said(x, y), x, y, self.cell_name(), self.classes_)

    def report(self, path: str | Path, family: Any = None) -> None:
        """Write report.html: the curve with its baselines, functions as they are learned, the training, the cell.

        Args:
            path: of the file.
            family: as in `curve`.
        """
        from keepgate.meta.report import write_report

        write_report(self, path, family)

    def _said(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return what the network says of inputs [T, B, I], each after the targets y before it: [T, B, O]."""
        import torch

        from keepgate.tasks.common.running import limited_threads

        device = self.network_.targets.mean.device
        given = (torch.from_numpy(value.swapaxes(0, 1).copy()).to(device) for value in (x, y))
        with torch.no_grad(), limited_threads(self.threads):
            return self.network_(*given).double().cpu().numpy().swapaxes(0, 1)

    def _tested(self, family: Any, examples: int, functions: int) -> tuple[np.ndarray, np.ndarray]:
        """Return examples of functions that training has not seen."""
        if family is None and self.family_ is None:
            raise InputError("the family that this model was trained on is not in its file: give it")
        chosen = self.family_ if family is None else family_of(family)
        assert chosen is not None
        self._check_alike(chosen)
        return chosen(examples, functions, self._random(TESTED))

    def _check_alike(self, family: Family) -> None:
        """Check that a family has the inputs and outputs of the model."""
        x, y = family(1, 1, self._random(SCALED))
        found = (x.shape[2], family.classes or y.shape[2], family.classes)
        wanted = (self.n_features_in_, self.n_outputs_, self.classes_)
        if found != wanted:
            about = "{} inputs, {} outputs, {} classes"
            raise InputError(f"family {family.name} has {about.format(*found)}; expected {about.format(*wanted)}")

    def _random(self, part: int) -> np.random.Generator:
        return np.random.default_rng([int(self.seed), part])

    def build_network(self) -> MetaLearnerNetwork:
        """Return the network, untrained."""
        layers = self.layers(self.n_features_in_ + self.n_outputs_)
        described = meta_learner(layers, self.n_features_in_, self.n_outputs_, classes=self.classes_ > 0)
        return MetaLearnerNetwork(described, self.backend)

    def state_to_json(self) -> dict[str, Any]:
        """Return the family's name and the widths of what it draws."""
        name = self.family_.name if self.family_ else "unknown"
        widths = {"inputs": self.n_features_in_, "outputs": self.n_outputs_, "classes": self.classes_}
        return {"family": name, **widths}

    def set_state(self, state: dict[str, Any]) -> None:
        """Set what `state_to_json` returned, and the network."""
        if state["classes"] not in (0, state["outputs"]):
            raise InputError(f"{state['classes']} classes do not fit {state['outputs']} outputs")
        self.family_ = FAMILIES.get(state["family"])
        self.n_features_in_, self.n_outputs_, self.classes_ = state["inputs"], state["outputs"], state["classes"]
        self.network_ = self.build_network()

    def to_onnx(self, graph: Graph) -> None:
        """Emit the whole model."""
        said = ("probabilities", "of classes, [B, T, O]") if self.classes_ else ("output", "of each input, [B, T, O]")
        inputs = {
            "x": ("input", "inputs, [B, T, I]"),
            "last": ("last", "the target before each input, [B, T, O]; before the first: the mean, or no class"),
        }
        self.emit_network(graph, inputs, {"said": said})
