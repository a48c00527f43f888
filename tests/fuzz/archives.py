"""Archives, whole and damaged: bytes, fields, blocks, lengths; with checksums that no longer fit, or that do again.

An archive is taken apart and put together here by the format's description alone (struct, zlib, hashlib). What is
expected: a whole archive gives back its content; an altered one is refused in a line, by the function and by the
command alike, with nothing written; and what is accepted ends in the digest of what came out.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random as randoms
import struct
import zlib
from pathlib import Path
from typing import Any

from fuzz.harness import Wrong

FOLDER = True
LENGTHS = (0, 1, 2, 31, 64, 65, 130)
NUMBERS = (
    0,
    1,
    2,
    3,
    12,
    63,
    64,
    65,
    2**18,
    2**18 + 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**62,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
HEAD, BLOCK = struct.Struct("<4sBBQ16s"), struct.Struct("<BII")
MADE: dict[str, bytes] = {}  # archives by what they are made of


def draw(random: randoms.Random) -> dict[str, Any]:
    changes = [] if random.random() < 1 / 6 else [_change(random) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    return {"content": _content(random), "second": _content(random), "there": random.random() < 0.5, "changes": changes}


def _content(random: randoms.Random) -> dict[str, Any]:
    return {
        "kind": random.choice(("text", "noise", "zeros")),
        "length": random.choice(LENGTHS),
        "block": random.choice((16, 64, 100, 2**18)),
        "lstm_only": random.random() < 0.3,
    }


def _change(random: randoms.Random) -> dict[str, Any]:
    name = random.choice(list(CHANGES))
    return {
        "name": name,
        "place": random.random(),
        "other": random.random(),
        "number": random.choice(NUMBERS),
        "bytes": random.randbytes(random.choice((1, 2, 4, 13, 34))).hex(),
        "mend": random.random() < 0.7,  # the checksum of what was altered
    }


def content_of(made: dict[str, Any]) -> bytes:
    if made["kind"] == "zeros":
        return bytes(made["length"])
    random = randoms.Random(made["length"])
    if made["kind"] == "noise":
        return random.randbytes(made["length"])
    return b"".join(random.choice((b"the ", b"cat ", b"sat, ")) for _ in range(100))[: made["length"]]


def archive_of(made: dict[str, Any]) -> bytes:
    import keepgate
    from keepgate.compression import streams

    if (key := str(made)) not in MADE:
        streams.BLOCK = made["block"]
        MADE[key] = keepgate.compress(content_of(made), lstm_only=made["lstm_only"])
    return MADE[key]


class Parts:
    """Header, blocks and end of an archive; each block is kind, size, count, checksum, payload."""

    def __init__(self, data: bytes) -> None:
        self.head, self.head_check = list(HEAD.unpack_from(data)), data[HEAD.size : HEAD.size + 4]
        self.blocks, place = [], HEAD.size + 4
        while place < len(data) - 16:
            kind, size, count = BLOCK.unpack_from(data, place)
            start = place + BLOCK.size + 4
            self.blocks.append([kind, size, count, data[start - 4 : start], data[start : start + count]])
            place = start + count
        self.end = data[place:]

    def mend(self) -> None:
        self.head_check = struct.pack("<I", zlib.crc32(HEAD.pack(*self.head)))
        for block in self.blocks:
            block[3] = struct.pack("<I", zlib.crc32(block[4], zlib.crc32(BLOCK.pack(*block[:3]))))

    def join(self) -> bytes:
        blocks = (BLOCK.pack(*block[:3]) + block[3] + block[4] for block in self.blocks)
        return HEAD.pack(*self.head) + self.head_check + b"".join(blocks) + self.end


def _pick(blocks: list[list[Any]], share: float) -> list[Any]:
    return blocks[int(share * len(blocks))]


def _header_field(parts: Parts, change: dict[str, Any], second: bytes) -> None:
    field = int(5 * change["place"])
    raw = bytes.fromhex(change["bytes"])
    new = {0: raw[:4].ljust(4), 4: raw[:16].ljust(16)}.get(field, change["number"])
    parts.head[field] = new % 256 if field in (1, 2) else new


def _size(parts: Parts, change: dict[str, Any], second: bytes) -> None:
    near = max(0, parts.head[3] + int(5 * change["place"]) - 2)
    parts.head[3] = near if change["other"] < 0.5 else change["number"]


def _block_field(parts: Parts, change: dict[str, Any], second: bytes) -> None:
    if parts.blocks:
        field, block = int(3 * change["place"]), _pick(parts.blocks, change["other"])
        block[field] = change["number"] % (256 if field == 0 else 2**32)


def _block_kind(parts: Parts, change: dict[str, Any], second: bytes) -> None:
    if parts.blocks:
        _pick(parts.blocks, change["other"])[0] = int(4 * change["place"])


def _payload(parts: Parts, change: dict[str, Any], second: bytes) -> None:
    if parts.blocks:
        block = _pick(parts.blocks, change["other"])
        at, raw = int(change["place"] * (len(block[4]) + 1)), bytes.fromhex(change["bytes"])
        block[4] = block[4][:at] + raw + block[4][at + (len(raw) if change["number"] % 2 else 0) :]
        block[2] = len(block[4]) if change["number"] % 3 else block[2]


def _blocks(parts: Parts, change: dict[str, Any], second: bytes) -> None:
    """Leave one out, double it, move it, or put one of another archive there."""
    at = int(change["place"] * (len(parts.blocks) + 1))
    match int(4 * change["other"]):
        case 0:
            del parts.blocks[at : at + 1]
        case 1:
            parts.blocks[at:at] = [list(block) for block in parts.blocks[at : at + 1]]
        case 2:
            parts.blocks[at:] = parts.blocks[at:][::-1]
        case _:
            parts.blocks[at:at] = Parts(second).blocks[:1]


def _end(parts: Parts, change: dict[str, Any], second: bytes) -> None:
    parts.end = (bytes.fromhex(change["bytes"]) * 16)[:16] if change["other"] < 0.5 else Parts(second).end


def _flip(data: bytes, change: dict[str, Any], second: bytes) -> bytes:
    at = int(change["place"] * len(data))
    return data[:at] + bytes([data[at] ^ 1 << int(8 * change["other"])]) + data[at + 1 :] if data else data


def _overwrite(data: bytes, change: dict[str, Any], second: bytes) -> bytes:
    at, raw = int(change["place"] * len(data)), bytes.fromhex(change["bytes"])
    return data[:at] + raw + data[at + len(raw) :]


def _insert(data: bytes, change: dict[str, Any], second: bytes) -> bytes:
    at = int(change["place"] * (len(data) + 1))
    return data[:at] + bytes.fromhex(change["bytes"]) + data[at:]


def _cut(data: bytes, change: dict[str, Any], second: bytes) -> bytes:
    return data[: int(change["place"] * len(data))]


def _cut_out(data: bytes, change: dict[str, Any], second: bytes) -> bytes:
    at = int(change["place"] * len(data))
    return data[:at] + data[at + 1 + int(40 * change["other"]) :]


def _concatenate(data: bytes, change: dict[str, Any], second: bytes) -> bytes:
    return second + data if change["other"] < 0.5 else data + second


OF_PARTS = {"header": _header_field, "size": _size, "block": _block_field, "kind": _block_kind, "payload": _payload}
OF_PARTS |= {"blocks": _blocks, "end": _end}
OF_BYTES = {"flip": _flip, "overwrite": _overwrite, "insert": _insert, "cut": _cut, "cut out": _cut_out}
OF_BYTES |= {"concatenate": _concatenate}
CHANGES = {**OF_PARTS, **OF_BYTES}


def altered(whole: bytes, second: bytes, changes: list[dict[str, Any]]) -> tuple[bytes, bool]:
    """The archive after all changes, those of its parts first; whether any checksum may fit."""
    parts, mended = Parts(whole), False
    for change in (change for change in changes if change["name"] in OF_PARTS):
        OF_PARTS[change["name"]](parts, change, second)
        if change["mend"]:
            parts.mend()
        mended |= change["mend"] or change["name"] == "blocks"  # whole blocks have the checksums that they had
    data = parts.join()
    for change in (change for change in changes if change["name"] in OF_BYTES):
        data = OF_BYTES[change["name"]](data, change, second)
    return data, mended


def prepare() -> None:
    os.environ["KEEPGATE_THREADS"] = "1"  # a second one helps only where a processor is free
    import keepgate.cli.compress
    import keepgate.cli.decompress  # noqa: F401


def check(case: dict[str, Any], folder: Path) -> None:
    content, whole = content_of(case["content"]), archive_of(case["content"])
    if Parts(whole).join() != whole:
        raise Wrong("the archive is not what its format says")
    archive, mended = altered(whole, archive_of(case["second"]), case["changes"])
    in_memory, by_command = _in_memory(archive), _by_command(archive, folder, case["there"])
    if (in_memory is None) != (by_command is None) or in_memory not in (None, by_command):
        raise Wrong(f"the function gives {in_memory!r}, the command {by_command!r}")
    if archive == whole and in_memory != content:
        raise Wrong(f"a whole archive gives {in_memory!r} instead of {content!r}")
    if archive == whole:
        _packed_by_command(content, case["content"], whole, folder)
    elif in_memory is not None and not mended:
        raise Wrong(f"altered, with checksums that do not fit, and yet accepted: {archive.hex()}")
    elif in_memory is not None:
        size = HEAD.unpack_from(archive)[3]
        if len(in_memory) != size or hashlib.blake2b(in_memory, digest_size=16).digest() != archive[-16:]:
            raise Wrong(f"accepted, though its size or digest is another: {archive.hex()}")


def _in_memory(archive: bytes) -> bytes | None:
    import keepgate
    from keepgate.errors import InputError

    try:
        return keepgate.decompress(archive)
    except InputError as error:
        _is_a_line(str(error))
        return None


def _by_command(archive: bytes, folder: Path, there: bool) -> bytes | None:
    (folder / "a.kg").write_bytes(archive)
    if there:
        (folder / "out").write_bytes(b"the one before")
    code, out, err = _command("decompress", folder / "a.kg", "--out", folder / "out", "--force")
    names = {"a.kg", *(["out"] if there or code == 0 else [])}
    if {path.name for path in folder.iterdir()} != names or (folder / "a.kg").read_bytes() != archive:
        raise Wrong(f"exit code {code}, and files {sorted(path.name for path in folder.iterdir())}")
    if code == 0:
        found = (folder / "out").read_bytes()
        if err or f"{folder / 'out'}: {len(found):,} bytes; {folder / 'a.kg'}: {len(archive):,} bytes" not in out:
            raise Wrong(f"prints {out!r} and {err!r} for {len(found)} bytes")
        return found
    if code != 2 or out or (there and (folder / "out").read_bytes() != b"the one before"):
        raise Wrong(f"exit code {code}, printed {out!r}, {err!r}")
    _is_a_line(err.removesuffix("\n"))
    return None


def _packed_by_command(content: bytes, made: dict[str, Any], whole: bytes, folder: Path) -> None:
    from keepgate.compression import streams

    streams.BLOCK = made["block"]
    (folder / "content").write_bytes(content)
    flags = ["--lstm-only"] if made["lstm_only"] else []
    code, _, err = _command("compress", folder / "content", "--out", folder / "again.kg", *flags)
    if code or err or (folder / "again.kg").read_bytes() != whole:
        raise Wrong(f"the command packs otherwise than the function: exit code {code}, {err!r}")


def _command(*arguments: object) -> tuple[int, str, str]:
    from keepgate.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(argument) for argument in arguments])
    return code, out.getvalue(), err.getvalue()


def _is_a_line(text: str) -> None:
    if not text or "\n" in text or "Traceback" in text or len(text) > 500:
        raise Wrong(f"no refusal of one line: {text[:1000]!r}")
