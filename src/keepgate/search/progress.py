"""How far a search is: a bar in a terminal, else a line on standard error now and then."""

from __future__ import annotations

import sys
import time
from typing import Any

__all__ = ["Progress"]

FORMAT = "{desc}{percentage:3.0f}%|{bar}| {elapsed} < {remaining}{postfix}"
BETWEEN_LINES = 60.0  # seconds


class Progress:
    """Shows the seconds spent, and what the search is at.

    Args:
        seconds: that the search has.
        shown: whether to show anything.
    """

    def __init__(self, seconds: float, shown: bool):
        self.seconds, self.said, self.last = seconds, "starting", time.monotonic()
        self.shown = shown and sys.stderr is not None
        self.bar: Any = None
        if shown and sys.stderr is not None and sys.stderr.isatty():
            import tqdm

            self.bar = tqdm.tqdm(total=seconds, bar_format=FORMAT, leave=False)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def say(self, text: str) -> None:
        """Say what the search is at."""
        self.said = text

    def show(self, spent: float) -> None:
        """Show the seconds spent so far."""
        if self.bar is not None:
            self.bar.set_description(self.said, refresh=False)
            self.bar.update(min(spent, self.seconds) - self.bar.n)
        elif self.shown and time.monotonic() - self.last >= BETWEEN_LINES:
            self.last = time.monotonic()
            print(f"after {spent / 60:.0f} of {self.seconds / 60:.0f} min: {self.said}", file=sys.stderr, flush=True)
