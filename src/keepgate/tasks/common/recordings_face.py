"""The face of tasks on recordings: their files, read at the rate of the training data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from keepgate.data.recordings.manifest import skipped_file
from keepgate.tasks.common.face import Face

__all__ = ["RecordingsFace", "lengths"]


class RecordingsFace(Face):
    """Base of the faces of tasks on recordings."""

    def read_alike(self, path: str | Path, *, labelled: bool = True, skip_bad: bool = False) -> Any:
        """Read a file like the training file, with recordings resampled to its rate; see `Face.read`.

        Args:
            path: of the file.
            labelled: whether what is to be predicted has to be in the file.
            skip_bad: leave out rows that cannot be used, also where the training file was read without.
        """
        columns = getattr(self.estimator, "columns_", None) or self.estimator.Columns()
        columns = replace(columns, rate=self.estimator.rate_, skip_bad=skip_bad or columns.skip_bad)
        return self.read(path, columns, labelled=labelled)

    def notes(self, data: Any) -> list[str]:
        """Return which rows were left out."""
        return [f"{one.file}, row {one.row} is left out: {one.reason}" for one in data.skipped]

    def files(self) -> dict[str, tuple[str, bytes]]:
        """Return skipped.csv, if rows may be left out: file, row and reason of each."""
        skipped = self.estimator.columns_.skip_bad
        return {"skipped.csv": skipped_file(self.estimator.skipped_)} if skipped else {}


def lengths(contents: Sequence[Any], rate: int) -> str:
    """Return how many recordings [N] of samples there are, how long they are, and their rate, in words."""
    seconds = [len(content) / rate for content in contents]
    return (
        f"recordings: {len(seconds)} of {min(seconds):.3g} to {max(seconds):.3g} s, {sum(seconds) / 60:.3g} minutes in "
        f"all, read at {rate} Hz"
    )
