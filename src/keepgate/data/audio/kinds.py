"""What a stream of bytes holds, told by how it begins, as its name cannot tell it."""

from __future__ import annotations

__all__ = ["HEAD", "kind_of"]

HEAD = 4096  # bytes to judge by: more than the longest frame of MPEG audio

# By their place, the magic bytes of sound files that are read as a whole, and of common files that are no sound
CONTAINERS = {
    0: (
        b"fLaC", b"OggS", b"ID3", b"FORM", b".snd", b"caff", b"riff", b"RF64", b"\x1a\x45\xdf\xa3", b"\x1f\x8b",
        b"PK\3\4", b"%PDF", b"\x89PNG", b"\xff\xd8\xff",
    ),
    4: (b"ftyp",),
}  # fmt: skip
PCM = (1, 0xFFFE)  # format tags of WAV files whose samples are integers
VERSIONS = {0: 4, 2: 2, 3: 1}  # of MPEG audio, by their bits: what the rates of version 1 are divided by
RATES = (44100, 48000, 32000)
KILOBITS = {  # a second, by version (1, or 2 and 2.5) and layer, for the indices from 1
    (1, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def kind_of(head: bytes) -> str:
    """Return what bytes are that begin with `head`, which is `HEAD` bytes or all there are.

    Returns:
        "wav": a WAV file of 16-bit samples, which can be read as it comes; "container": another format that names
        itself, which is read as a whole; "text"; or "bare": none of these, perhaps samples alone.
    """
    if head.startswith(b"RIFF"):
        return "wav" if _is_plain(head) else "container"
    if any(head.startswith(magic, at) for at, magics in CONTAINERS.items() for magic in magics) or _is_mpeg(head):
        return "container"
    return "text" if _is_text(head) else "bare"


def _is_plain(head: bytes) -> bool:
    """Return whether a WAV file has 16-bit samples, as far as its head tells."""
    at = head.find(b"fmt ", 12)
    tag, bits = (int.from_bytes(head[at + k : at + k + 2], "little") for k in (8, 22))
    return at < 0 or len(head) < at + 24 or (tag in PCM and bits == 16)


def _is_text(head: bytes) -> bool:
    text = head.decode("utf-8", "ignore")  # a character may be cut at the end
    whole = len(text.encode()) > len(head) - 4
    return bool(text) and whole and all(c.isprintable() or c.isspace() for c in text)


def _is_mpeg(head: bytes) -> bool:
    """Return whether there is a frame of MPEG audio (MP3), and where it ends another one of the same stream."""
    size = _frame_size(head)
    after = head[size : size + 4]
    return bool(size and _frame_size(after)) and (head[1] & 0xFE, head[2] & 0x0C) == (after[1] & 0xFE, after[2] & 0x0C)


def _frame_size(header: bytes) -> int:
    """Return the bytes of the frame of MPEG audio with this header; 0: it is none."""
    if len(header) < 4 or header[0] != 0xFF or header[1] < 0xE0:
        return 0
    divisor, layer = VERSIONS.get(header[1] >> 3 & 3), 4 - (header[1] >> 1 & 3)
    bits, hertz, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if divisor is None or layer == 4 or bits in (0, 15) or hertz == 3:
        return 0
    version = min(divisor, 2)
    rates = KILOBITS.get((version, layer)) or KILOBITS[2, 2]
    per_second = rates[bits - 1] * 1000 * divisor / RATES[hertz]
    if layer == 1:
        return (int(12 * per_second) + padding) * 4
    return int((72 if (version, layer) == (2, 3) else 144) * per_second) + padding
