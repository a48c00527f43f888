"""`config.json` and `model.safetensors`: two files that belong together.

`config.json` says what it is (`format`, `version`), what was saved (`config`), which file of tensors belongs to it
(`tensors`: bytes and SHA-256), and has a checksum of itself.

Two files cannot be replaced in one step. So the new configuration is first written as `config.json.next`, then the
tensors are replaced, then the configuration takes its name. A process killed between the last two leaves tensors whose
configuration is `config.json.next`: the checksums show it, and `read_model` takes that one; the next write begins with
that last step. Writers of one folder wait for each other; a reader that sees files of two models, because they are
being replaced, reads again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from keepgate import limits
from keepgate.errors import MOST_QUOTED, InputError, quoted, reason
from keepgate.store.files import make_folder, sync_folder, write_atomic
from keepgate.store.flock import locked
from keepgate.store.plain import read_json
from keepgate.store.reading import read_file
from keepgate.store.tensors import pack, unpack

__all__ = ["VERSION", "has_model", "read_model", "write_model"]

VERSION = 1
CONFIG, NEXT, TENSORS = "config.json", "config.json.next", "model.safetensors"
LOOKS = 20  # at a folder that changes while it is read
CONFIG_LIMIT = 256 * 2**20  # bytes; a vocabulary may be large, a configuration of this size is none


def write_model(
    folder: str | os.PathLike[str],
    config: Mapping[str, Any],
    tensors: Mapping[str, np.ndarray],
    kind: str = "model",
) -> None:
    """Write a configuration and tensors into a folder, created if missing; replaces both.

    Args:
        folder: of the model.
        config: plain data, no NaN.
        tensors: by name.
        kind: "model" or "checkpoint"; `read_model` asks for the same.

    Raises:
        InputError: the folder cannot be written.
        TypeError, ValueError: `config` cannot be written as JSON.
    """
    data = pack(tensors)
    about: dict[str, Any] = {
        "format": f"keepgate {kind}",
        "version": VERSION,
        "tensors": _file_facts(data),
        "config": dict(config),
    }
    about["sha256"] = _sha256(_canonical(about))
    text = json.dumps(about, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    folder = make_folder(folder)
    try:
        with locked(folder):
            _settle(folder, kind)
            write_atomic(folder / NEXT, text.encode())
            write_atomic(folder / TENSORS, data)
            os.replace(folder / NEXT, folder / CONFIG)
            sync_folder(folder)
    except OSError as error:
        raise InputError(f"cannot write {folder / CONFIG}: {error.strerror or error}") from error


def _settle(folder: Path, kind: str) -> None:
    """Take the last step of a write that was killed before it: the tensors need the configuration that waits."""
    if not os.path.exists(folder / NEXT):
        return
    with contextlib.suppress(InputError):
        about = _about(folder / NEXT, kind)
        if about["tensors"] == _file_facts(_read(folder / TENSORS, about["tensors"]["bytes"])):
            os.replace(folder / NEXT, folder / CONFIG)
            sync_folder(folder)


def has_model(folder: str | os.PathLike[str]) -> bool:
    """Return whether `write_model` has written into `folder`; a first write that was killed half way does not count."""
    return any(os.path.exists(Path(folder) / name) for name in (CONFIG, TENSORS))


def read_model(folder: str | os.PathLike[str], kind: str = "model") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the configuration and the tensors that `write_model` wrote into `folder`.

    Raises:
        InputError: a file is missing, truncated, altered, of another program or kind, or of a later version of the
            format; the message names it.
    """
    folder = Path(folder)
    for look in range(1, LOOKS + 1):
        before = _identity(folder)
        try:
            return _read_once(folder, kind)
        except InputError:
            if look == LOOKS or _identity(folder) == before:
                raise
    raise AssertionError


def _identity(folder: Path) -> list[tuple[str, int, int]]:
    """Return which files are there: one that is replaced, or written to, is another."""
    files = []
    for name in (CONFIG, NEXT, TENSORS):
        with contextlib.suppress(OSError):
            about = os.stat(folder / name)
            files.append((name, about.st_ino, about.st_mtime_ns))
    return files


def _read_once(folder: Path, kind: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    if not os.path.isdir(folder):
        raise InputError(f"{folder} is no folder; a {kind} is a folder that holds {CONFIG} and {TENSORS}")
    names = [name for name in (CONFIG, NEXT) if os.path.exists(folder / name)] or [CONFIG]
    candidates = [_about(folder / name, kind) for name in names]
    path = folder / TENSORS
    size = max(about["tensors"]["bytes"] for about in candidates)
    limits.check("file_bytes", size, path)
    data = _read(path, size)
    actual = _file_facts(data)
    for about in candidates:
        if about["tensors"] == actual:
            return about["config"], unpack(data, str(path))
    raise InputError(f"{path} was cut short, altered, or belongs to another {CONFIG}")


def _about(path: Path, kind: str) -> dict[str, Any]:
    """Return the whole of one configuration file, checked."""
    text = _read(path, CONFIG_LIMIT)
    try:
        about = read_json(text)
        canonical = _canonical(about) if isinstance(about, dict) else b""
    except (ValueError, RecursionError) as error:
        why = f"{reason(error)}; it was cut short or is another program's file"
        raise InputError(f"{path} is not JSON: {why}") from None
    match about:
        case {"format": str(form), "version": int(version)} if form.startswith("keepgate "):
            pass
        case _:
            raise InputError(f"{path} was not written by keepgate: it does not say which format it is")
    if form != f"keepgate {kind}":
        raise InputError(f"{path} is a {form[:MOST_QUOTED]}, where a keepgate {kind} is needed")
    if version != VERSION:
        raise InputError(
            f"{path} has format version {quoted(version)}; this keepgate reads {VERSION}: upgrade keepgate"
        )
    match about:
        case {"tensors": {"bytes": int(size), "sha256": str(_)}, "config": dict(_), "sha256": str(checksum)}:
            if size >= 0 and len(about) == 5 and checksum == _sha256(canonical):
                return about
    raise InputError(f"{path} was altered since it was written: its checksum does not fit; restore the file")


def _read(path: Path, limit: int) -> bytes:
    if not os.path.exists(path):
        raise InputError(f"{path} does not exist; is this the folder that a run or a save wrote?")
    return read_file(path, limit)


def _canonical(about: Mapping[str, Any]) -> bytes:
    """Return the bytes that a configuration's own checksum is taken of."""
    content = {key: value for key, value in about.items() if key != "sha256"}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _file_facts(data: bytes) -> dict[str, Any]:
    """Return what a configuration says about the file of its tensors."""
    return {"bytes": len(data), "sha256": _sha256(data)}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
