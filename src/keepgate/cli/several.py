"""Several inputs of one command: a bad one does not lose the others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from keepgate.cli.text import print_notes
from keepgate.errors import InputError
from keepgate.store import STANDARD_STREAM, make_folder, write_atomic

__all__ = ["Outputs", "Refusals"]


class Refusals:
    """Messages about inputs that could not be used, which are told when the others are done.

    Args:
        command: in whose name they are told.
    """

    def __init__(self, command: str) -> None:
        self.command = command
        self.messages: list[str] = []

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Inside, an `InputError` ends the block and is kept."""
        try:
            yield
        except InputError as error:
            self.messages.append(str(error))

    def tell(self) -> None:
        """Print the messages that were kept.

        Raises:
            InputError: there are any, so that the command's exit code is 2.
        """
        if len(self.messages) > 1:
            print_notes(self.command, self.messages)
            raise InputError(f"{len(self.messages)} inputs could not be used; each is named above")
        if self.messages:
            raise InputError(self.messages[0])


class Outputs:
    """Where the outputs of recordings go: to a file that is one's, to a folder with a file for each, or nowhere.

    Args:
        out: of `--out`: a path with the suffix of a format is a file, any other a folder; None or "-": neither.
        format: of `--format`; None: by the suffix of `out`, else the first format.
        formats: that there are, without the dot.

    Attributes:
        format: in which to write.
        file: to write, or None.
        folder: to write to, or None.

    Raises:
        InputError: the format and the suffix of `out` differ.
    """

    def __init__(self, out: str | None, format: str | None, formats: Sequence[str]) -> None:
        out = None if out == STANDARD_STREAM else out
        suffixes = {name.lower(): name for name in formats}
        named = None if out is None else suffixes.get(Path(out).suffix[1:].lower())
        if named and format not in (None, named):
            raise InputError(f"--out {out} is no file of --format {format}; leave out one of the two")
        self.format = format or named or formats[0]
        self.file = Path(out) if out is not None and named else None
        self.folder = Path(out) if out is not None and not named else None
        self._taken: dict[Path, str] = {}

    def write(self, name: str, stem: str, content: str) -> None:
        """Write the output of one input to the file, or to a file of the folder.

        Args:
            name: of the input.
            stem: of the name of a file in the folder.
            content: of the file.

        Raises:
            InputError: it was written for another input, or cannot be written.
        """
        path = self.file if self.folder is None else make_folder(self.folder) / f"{stem}.{self.format}"
        assert path is not None
        if path in self._taken:
            raise InputError(
                f"{name} is left out, for {path} holds what came of {self._taken[path]}; rename one of them"
            )
        self._taken[path] = name
        write_atomic(path, content.encode())
