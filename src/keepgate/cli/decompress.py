"""`keepgate decompress`: the file that `keepgate compress` packed."""

from __future__ import annotations

from collections.abc import Sequence

from keepgate.cli import archives

EXAMPLE = """\
  keepgate decompress book.txt.kg
  keepgate decompress book.kg --out book.txt
  keepgate decompress letter.txt.kg --model runs/english
  keepgate decompress --test *.kg
  keepgate decompress < photos.tar.kg | tar x"""

DESCRIPTION = """\
Unpack archives of `keepgate compress`, which takes as long as packing. A file appears when all of it is there and its
checksum is right, with permissions and time of the archive; a file that is there already is not replaced unless --force
says so. Where an archive is damaged, or none, nothing is written, unless to a device, a pipe or standard output."""


def main(arguments: Sequence[str]) -> None:
    """Write the contents and print sizes, ratio and speed."""
    archives.main(archives.DECOMPRESS, arguments, DESCRIPTION, EXAMPLE)
