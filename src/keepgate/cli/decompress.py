"""`keepgate decompress`: the file that `keepgate compress` packed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from keepgate.cli import parser
from keepgate.cli.compress import SUFFIX, progress, tell, text_stream
from keepgate.errors import InputError
from keepgate.store import check_different

EXAMPLE = """\
  keepgate decompress book.txt.kg
  keepgate decompress book.kg --out book.txt
  keepgate decompress letter.txt.kg --model runs/english"""

DESCRIPTION = """\
Unpack an archive of `keepgate compress`, which takes as long as packing. The file appears when all of it is there and
its checksum is right, with permissions and time of the archive; where the archive is damaged, or none, nothing is
written, unless to a device, a pipe or -, standard output."""


def main(arguments: Sequence[str]) -> None:
    """Write the content and print sizes, ratio and speed."""
    flags = parser("decompress", DESCRIPTION, EXAMPLE)
    flags.add_argument("archive", metavar="ARCHIVE", help="archive to unpack")
    flags.add_argument("--out", metavar="FILE", help=f"file to write; it is replaced (default: ARCHIVE less {SUFFIX})")
    flags.add_argument("--model", metavar="RUN", help="the run with which the archive was packed (default: none)")
    options = flags.parse_args(arguments)
    from keepgate.compression import decompress_file
    from keepgate.compression.streams import content_size

    if options.out is None and not options.archive.endswith(SUFFIX):
        raise InputError(f"{options.archive} does not end in {SUFFIX}, so --out has to name the file to write")
    out = options.archive.removesuffix(SUFFIX) if options.out is None else options.out
    check_different(options.archive, out)
    start, to = time.perf_counter(), text_stream(out)
    with progress(options.archive, content_size(options.archive)) as bar:
        sizes = decompress_file(options.archive, out, model=options.model, report=bar.update)
    tell(out, options.archive, sizes, time.perf_counter() - start, to)
