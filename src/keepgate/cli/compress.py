"""`keepgate compress`: a file as a smaller one."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from keepgate.cli import parser
from keepgate.errors import printable
from keepgate.store import check_different, is_stream

if TYPE_CHECKING:
    from keepgate.compression.streams import Sizes

SUFFIX = ".kg"

EXAMPLE = """\
  keepgate compress book.txt
  keepgate compress book.txt --out book.kg --lstm-only
  keepgate compress letter.txt --model runs/english"""

DESCRIPTION = """\
Compress a file without loss, by an LSTM that learns the file while it does, its prediction mixed with a few counting
contexts. Any bytes, any size, in constant memory. Text becomes a seventh smaller than with bzip2, at about 10 KB a
second where two cores with AVX-512 are free; without AVX2 or NEON it takes a hundred times as long.
The file itself stays as it is; the archive has its permissions and time. Nothing is written where something goes
wrong, unless to a device, a pipe or -, standard output."""


def main(arguments: Sequence[str]) -> None:
    """Write the archive and print sizes, ratio and speed."""
    flags = parser("compress", DESCRIPTION, EXAMPLE)
    flags.add_argument("file", metavar="FILE", help="file to compress")
    flags.add_argument("--out", metavar="ARCHIVE", help=f"archive to write; it is replaced (default: FILE{SUFFIX})")
    flags.add_argument("--lstm-only", action="store_true", help="leave the counting contexts out (default: no)")
    flags.add_argument(
        "--model",
        metavar="RUN",
        help="run of `keepgate fit write --units bytes` that the LSTM begins with (default: none)",
    )
    options = flags.parse_args(arguments)
    from keepgate.compression import compress_file

    out = options.file + SUFFIX if options.out is None else options.out
    check_different(options.file, out)
    start, to = time.perf_counter(), text_stream(out)
    with progress(options.file, size(options.file)) as bar:
        sizes = compress_file(options.file, out, lstm_only=options.lstm_only, model=options.model, report=bar.update)
    tell(options.file, out, sizes, time.perf_counter() - start, to)


def text_stream(out: str) -> TextIO:
    """Where to print about what is written to `out`: standard error, if that may be standard output itself."""
    return sys.stderr if is_stream(out) else sys.stdout


def size(path: str) -> int:
    """Bytes of a file; 0 where there is none, which the reading will tell better."""
    return Path(path).stat().st_size if Path(path).is_file() else 0


def progress(path: str, total: int):
    """A bar over `total` bytes on standard error, where that is a terminal."""
    from tqdm import tqdm

    return tqdm(total=total, desc=Path(path).name, unit="B", unit_scale=True, disable=None, leave=False)


def tell(file: str, archive: str, sizes: Sizes, seconds: float, to: TextIO) -> None:
    """Print the sizes of a file and its archive, their ratio, and how fast one became the other."""
    content, packed = sizes
    ratio = f", {packed / content:.1%}, {8 * packed / content:.3f} bits a byte" if content else ""
    told = f"{file}: {content:,} bytes; {archive}: {packed:,} bytes{ratio}; {seconds:.1f} s"
    print(f"{printable(told)}, {content / seconds / 1000:.1f} KB/s", file=to)
