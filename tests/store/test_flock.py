from __future__ import annotations

import os
import threading

import pytest

from keepgate.store import flock

needed = pytest.mark.skipif(flock.fcntl is None, reason="the system has no flock")


@pytest.fixture
def handles(tmp_path):
    path = tmp_path / "file"
    path.touch()
    both = [os.open(path, os.O_RDWR) for _ in range(2)]
    yield both
    for handle in both:
        os.close(handle)


@needed
def test_one_of_two_has_the_lock_until_it_closes(handles):
    first, second = handles
    assert flock.take(first) is True
    assert flock.take(first) is True
    assert flock.take(second) is False
    flock.fcntl.flock(first, flock.fcntl.LOCK_UN)
    assert flock.take(second) is True


@needed
def test_a_folder_is_locked_while_inside(tmp_path):
    """Another thread, which opens the folder for itself, waits for the first to leave."""
    order = []

    def other():
        with flock.locked(tmp_path):
            order.append("other")

    with flock.locked(tmp_path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        order.append("first")
    thread.join(10)
    assert order == ["first", "other"]


@needed
def test_a_lock_ends_with_what_fails_inside(tmp_path):
    with pytest.raises(ZeroDivisionError), flock.locked(tmp_path):
        raise ZeroDivisionError
    with flock.locked(tmp_path):
        pass


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(OSError, match="none"), flock.locked(tmp_path / "none"):
        pass


def test_where_there_are_no_such_locks(handles, tmp_path, monkeypatch):
    monkeypatch.setattr(flock, "fcntl", None)
    assert flock.take(handles[0]) is None
    with flock.locked(tmp_path):
        pass


@needed
def test_a_file_system_without_them(handles, monkeypatch):
    def refuse(*given):
        raise OSError

    monkeypatch.setattr(flock.fcntl, "flock", refuse)
    assert flock.take(handles[0]) is None
