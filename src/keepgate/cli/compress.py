"""`keepgate compress`: a file as a smaller one."""

from __future__ import annotations

from collections.abc import Sequence

from keepgate.cli import archives

EXAMPLE = """\
  keepgate compress book.txt
  keepgate compress book.txt --out book.kg --lstm-only
  keepgate compress letter.txt --model runs/english
  keepgate compress --list *.kg
  tar c photos | keepgate compress > photos.tar.kg"""

DESCRIPTION = """\
Compress files without loss, with an LSTM that trains on a file as it reads it, its prediction mixed with a few counting
contexts. Any bytes, any size, in constant memory. Text becomes a seventh smaller than with bzip2, at about 10 KB a
second where two cores with AVX-512 are free; without AVX2 or NEON it takes a hundred times as long.
What is read stays as it is; the archive has its permissions and time. A file that is there already is not replaced
unless --force says so. Nothing is written where something goes wrong, unless to a device, a pipe or standard output."""


def main(arguments: Sequence[str]) -> None:
    """Write the archives and print sizes, ratio and speed."""
    archives.main("compress", arguments, DESCRIPTION, EXAMPLE)
