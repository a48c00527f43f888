"""SIGTERM and SIGHUP as interruptions: what is half done is undone, as after Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["Stopped", "stoppable"]

SIGNALS = ("SIGTERM", "SIGHUP")


class Stopped(KeyboardInterrupt):
    """The process was asked to end, by the signal of this number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    def __str__(self) -> str:
        return f"stopped by {signal.Signals(self.number).name}"


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Inside, such a signal raises `Stopped`; a second one ends the process at once.

    A signal that somebody else handles or ignores (nohup) stays theirs. Outside the main thread nothing changes.
    """
    process, numbers = os.getpid(), _default_signals()

    def stop(number: int, frame: FrameType | None) -> None:
        restore()
        if os.getpid() != process:  # a child that was forked meanwhile
            os.kill(os.getpid(), number)
        raise Stopped(number)

    def restore() -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        restore()


def _default_signals() -> list[int]:
    if threading.current_thread() is not threading.main_thread():
        return []
    numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    return [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
