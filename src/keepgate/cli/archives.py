"""What `keepgate compress` and `keepgate decompress` share: one job a file, as users of xz and zstd know them."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from keepgate.cli import parser
from keepgate.cli.text import table
from keepgate.errors import InputError, printable
from keepgate.store import STANDARD_STREAM as PIPE
from keepgate.store import check_different, is_stream, standard_input

if TYPE_CHECKING:
    from keepgate.compression.streams import Sizes

__all__ = ["DECOMPRESS", "SUFFIX", "main"]

SUFFIX = ".kg"
DECOMPRESS, TEST, LIST = "decompress", "test", "list"


def main(command: str, arguments: Sequence[str], description: str, examples: str) -> None:
    """Compress, decompress, test or list each file; one that cannot be done is named, and the others are done.

    Raises:
        InputError: a file could not be done, or the flags contradict each other.
    """
    options = _flags(command, description, examples).parse_args(arguments)
    files = options.files or [PIPE]
    if options.job == LIST:
        return _list(command, files)
    if options.out is not None and options.job == TEST:
        raise InputError("--test writes nothing: leave --out and --stdout out")
    if len(files) > 1 and options.out not in (None, PIPE):
        raise InputError(f"--out {options.out} is one file, and {len(files)} are to be written; leave --out out")
    if len(files) > 1 and options.out == PIPE and options.job is None:
        raise InputError("archives cannot follow each other on standard output; compress one file, or a tar of all")
    run = _compress if options.job is None else _decompress
    _each(command, files, lambda file: run(file, options))


def _flags(command: str, description: str, examples: str) -> argparse.ArgumentParser:
    unpacks = command == DECOMPRESS
    flags = parser(command, description, examples)
    what = "archive" if unpacks else "file"
    flags.add_argument(
        "files", nargs="*", metavar=what.upper(), help=f"{what} to {command}; - is standard input (default: -)"
    )
    written = f"ARCHIVE less {SUFFIX}" if unpacks else f"FILE{SUFFIX}"
    out = flags.add_mutually_exclusive_group()
    out.add_argument(
        "-o", "--out", metavar="PATH", help=f"file to write (default: {written}; standard output for standard input)"
    )
    out.add_argument("-c", "--stdout", dest="out", action="store_const", const=PIPE, help="the same as --out -")
    flags.add_argument("-f", "--force", action="store_true", help="replace a file that is there (default: no)")
    flags.add_argument("-k", "--keep", action="store_true", help="keep what is read, as is always done")
    job = flags.add_mutually_exclusive_group()
    flags.set_defaults(job=DECOMPRESS if unpacks else None)
    if not unpacks:
        text = "do what `keepgate decompress` does"
        job.add_argument("-d", "--decompress", dest="job", action="store_const", const=DECOMPRESS, help=text)
    job.add_argument(
        "-t", "--test", dest="job", action="store_const", const=TEST, help="check archives; write nothing (default: no)"
    )
    job.add_argument(
        "-l", "--list", dest="job", action="store_const", const=LIST, help="print sizes of archives (default: no)"
    )
    if not unpacks:
        flags.add_argument("--lstm-only", action="store_true", help="leave the counting contexts out (default: no)")
    flags.add_argument(
        "--model",
        metavar="RUN",
        help="run of `keepgate fit write --units bytes` that the LSTM begins with (default: none)",
    )
    return flags


def _each(command: str, files: Sequence[str], run: Callable[[str], None]) -> None:
    """Run a job for each file; tell the errors of several as they come."""
    if len(files) == 1:
        return run(files[0])
    failed = 0
    for file in files:
        try:
            run(file)
        except InputError as error:
            failed += 1
            print(f"keepgate {command}: {error}", file=sys.stderr)
    if failed:
        raise InputError(f"{failed} of {len(files)} files could not be done; the others are")
    return None


def _compress(file: str, options: argparse.Namespace) -> None:
    from keepgate.compression import compress_file

    out = (PIPE if file == PIPE else file + SUFFIX) if options.out is None else options.out
    _check(file, out, options.force)
    if _is_terminal(sys.stdout, out) and not options.force:
        raise InputError("an archive is not written to a terminal; redirect standard output, give --out, or --force")
    with _Progress(file, _size(file)) as progress:
        sizes = compress_file(file, out, lstm_only=options.lstm_only, model=options.model, report=progress.update)
    _tell(file, out, sizes, progress.seconds, out)


def _decompress(file: str, options: argparse.Namespace) -> None:
    from keepgate.compression import decompress_file

    if options.job == TEST:
        out = os.devnull
    else:
        out = _content_name(file) if options.out is None else options.out
        _check(file, out, options.force)
    with _Progress(file, _content_size(file)) as progress:
        sizes = decompress_file(file, out, model=options.model, report=progress.update)
    _tell("the content" if options.job == TEST else out, file, sizes, progress.seconds, out)


def _content_name(archive: str) -> str:
    if archive == PIPE:
        return PIPE
    if not archive.endswith(SUFFIX):
        raise InputError(f"{archive} does not end in {SUFFIX}, so --out has to name the file to write")
    return archive.removesuffix(SUFFIX)


def _check(file: str, out: str, force: bool) -> None:
    """Raise `InputError` if a file would be lost, or standard input is a terminal, where nobody types an archive."""
    if file == PIPE:
        standard_input()
    else:
        check_different(file, out)
    if not force and os.path.exists(out) and not is_stream(out):
        raise InputError(f"{out} is there already; give --force to replace it, or another --out")


def _is_terminal(stream: TextIO | None, out: str) -> bool:
    return out == PIPE and stream is not None and stream.isatty()


def _list(command: str, files: Sequence[str]) -> None:
    from keepgate.compression import read_header

    rows = []

    def add(file: str) -> None:
        header, size = read_header(file)
        rows.append(
            {
                "archive": file,
                "bytes": f"{size:,}",
                "content": f"{header.size:,}",
                "ratio": f"{size / header.size:.1%}" if header.size else "",
                "contexts": "no" if header.lstm_only else "yes",
                "model": header.model.hex()[:8] if any(header.model) else "none",
            }
        )

    try:
        _each(command, files, add)
    finally:
        if rows:
            print(table(rows), flush=True)


def _size(path: str) -> int | None:
    """Return the bytes of a file; None where there is none, which reading it will tell better."""
    return Path(path).stat().st_size if path != PIPE and Path(path).is_file() else None


def _content_size(archive: str) -> int | None:
    from keepgate.compression import read_header

    return None if archive == PIPE else read_header(archive)[0].size


class _Progress:
    """A bar over bytes on standard error, where that is a terminal; and the time."""

    def __init__(self, path: str, total: int | None) -> None:
        from tqdm import tqdm

        name = "standard input" if path == PIPE else Path(path).name
        self._bar = tqdm(total=total, desc=name, unit="B", unit_scale=True, disable=None, leave=False)
        self.update = self._bar.update

    def __enter__(self) -> _Progress:
        self._begin = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()
        self.seconds = time.perf_counter() - self._begin


def _tell(file: str, archive: str, sizes: Sizes, seconds: float, out: str) -> None:
    """Print the sizes of a file and its archive, their ratio, and how fast one became the other.

    It goes to standard error where `out` may be standard output itself.
    """
    content, packed = sizes
    ratio = f", {packed / content:.1%}, {8 * packed / content:.3f} bits a byte" if content else ""
    text = f"{file}: {content:,} bytes; {archive}: {packed:,} bytes{ratio}; {seconds:.1f} s"
    to = sys.stderr if is_stream(out) and out != os.devnull else sys.stdout
    print(f"{printable(text)}, {content / seconds / 1000:.1f} KB/s", file=to)
