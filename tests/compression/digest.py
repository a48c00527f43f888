"""Print the digest of the archive of a text, and of what an archive holds: `python digest.py SIZE [ARCHIVE]`."""

import sys
from hashlib import sha256
from pathlib import Path

import keepgate

NOUNS = ["bird", "river", "stone", "letter", "garden", "morning", "captain", "window"]
VERBS = ["sees", "forgets", "carries", "follows", "answers"]


def text(size: int) -> bytes:
    """Sentences by a rule that never repeats itself."""
    words = (
        f"The {NOUNS[i * i % 8]} {VERBS[i * 3 % 5]} the {NOUNS[i * 5 // 3 % 8]} number {i * 7919 % 1000}; "
        for i in range(size)
    )
    return "".join(words).encode()[:size]


if __name__ == "__main__":
    size = int(sys.argv[1])
    for lstm_only in (False, True):
        print(sha256(keepgate.compress(text(size), lstm_only=lstm_only)).hexdigest())
    for path in sys.argv[2:]:
        print(sha256(keepgate.decompress(Path(path).read_bytes())).hexdigest())
