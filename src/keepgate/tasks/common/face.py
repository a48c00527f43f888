"""The base of the faces: what the command line needs of a task beyond its estimator.

A face holds an estimator and knows how files are read for it, how its predictions become a table, how they are scored
next to simple baselines, and what the report of a run shows. The registry finds it by the task's name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from keepgate.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from keepgate.tasks.common.estimator import Estimator
    from keepgate.tasks.common.report.section import Section

__all__ = ["LEFT_OUT", "Face"]

LEFT_OUT = "left out, for they only count rows: {}; name them in {} to keep them"


class Face(ABC):
    """Base of the faces.

    Attributes:
        estimator: fitted or not.
        needs_data: whether what it is scored on has to be named.
        encoders: by suffix of a further file that predictions are written to, its bytes from their table.
    """

    needs_data: ClassVar[bool] = True
    encoders: ClassVar[Mapping[str, Callable[[pa.Table], bytes]]] = {}

    def __init__(self, estimator: Estimator) -> None:
        self.estimator: Any = estimator

    @classmethod
    @abstractmethod
    def read(cls, path: str | Path, columns: Any = None, *, labelled: bool = True) -> Any:
        """Read a file.

        Args:
            path: of the file.
            columns: names of its columns, the estimator's `Columns`; None: the usual ones.
            labelled: whether what is to be predicted has to be in the file.

        Returns:
            What `fit` and `predict` of the estimator take.

        Raises:
            InputError: it names file, row and column.
        """

    def read_alike(self, path: Any, *, labelled: bool = True) -> Any:
        """Read a file like the one that the estimator was trained on; see `read`."""
        return self.read(path, getattr(self.estimator, "columns_", None), labelled=labelled)

    def with_future(self, data: Any, path: str | Path) -> Any:
        """Return data with what a file says of their future.

        Raises:
            InputError: the task is not to forecast.
        """
        raise InputError(f"'{self.estimator.TASK}' reads no future: {path} is for forecasts")

    def read_running(self, path: str | Path) -> Any:
        """Read a file of running text, as people write it.

        Raises:
            InputError: the task is not to tag.
        """
        raise InputError(f"'{self.estimator.TASK}' cuts no text into words: --raw is for tagging")

    def set_horizon(self, steps: int) -> None:
        """Let tables have so many steps ahead.

        Raises:
            InputError: the task is not to forecast.
        """
        raise InputError(f"'{self.estimator.TASK}' has no steps ahead: --horizon {steps} is for forecasts")

    def bind_columns(self, columns: Any) -> None:
        """Let further files be read like the training file.

        Args:
            columns: how it was read, the estimator's `Columns`.
        """
        self.estimator.columns_ = columns

    @abstractmethod
    def table(self, data: Any) -> pa.Table:
        """Return the predictions as `keepgate predict` writes them."""

    @abstractmethod
    def predictions(self, data: Any) -> Any:
        """Return what the model makes of labelled data, for `scores` and `sections`, so that it runs only once."""

    @abstractmethod
    def scores(self, data: Any, predictions: Any) -> list[dict[str, Any]]:
        """Return a row for this model and one for each baseline, `{"model": name, metric: value, ...}`."""

    @abstractmethod
    def sections(self, data: Any, predictions: Any, where: str) -> list[Section]:
        """Return the task's part of report.html; learning curve, cell and parameters are in the report anyway.

        Args:
            data: labelled data.
            predictions: what `predictions` returned for it.
            where: what to call it, such as "held-out data".
        """

    def each_class(self, data: Any, predictions: Any) -> list[dict[str, Any]]:
        """Return a row of scores for each class, which `evaluate` shows below those of the model: here none."""
        return []

    def evaluate(self, data: Any) -> list[dict[str, Any]]:
        """Return the `scores` of labelled data, and those of single members."""
        return [*self.scores(data, self.predictions(data)), *self.spread(data)]

    def spread(self, data: Any) -> list[dict[str, Any]]:
        """Return the mean of the scores of the single members of an ensemble, and their deviation; else nothing."""
        from keepgate.tasks.common.ensembles import member, members_of, spread

        if (count := members_of(self.estimator)) == 1:
            return []
        faces = [type(self)(member(self.estimator, k)) for k in range(count)]
        return spread([face.scores(data, face.predictions(data))[0] for face in faces])

    def report(self, data: Any, valid: Any) -> list[Section]:
        """Return the `sections` about the data that `shown` returns, and what single members of an ensemble score."""
        from keepgate.tasks.common.report.section import Section

        part, where = self.shown(data, valid)
        sections = self.sections(part, self.predictions(part), where)
        rows = self.spread(part)
        return [*sections, *([Section(f"Single members on the {where}", rows=rows)] if rows else [])]

    def shown(self, data: Any, valid: Any) -> tuple[Any, str]:
        """Return the data that a report is about, and what to call it: the held-out part, where there is one.

        Args:
            data: the training data.
            valid: the held-out part, or None.
        """
        return (data, "training data") if valid is None else (valid, "held-out data")

    def notes(self, data: Any) -> list[str]:
        """Return sentences about a file that was read, such as which rows were left out."""
        return []

    def about(self, data: Any) -> list[str]:
        """Return in a few lines what the data that were trained on are understood to be."""
        return []

    def files(self) -> dict[str, tuple[str, bytes]]:
        """Return further files of a run's folder by name: what each is, in words, and its content."""
        return {}
