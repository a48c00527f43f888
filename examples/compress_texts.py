"""Texts of the Canterbury corpus, compressed: sizes beside those of bzip2 and xz, and speed.

    python examples/compress_texts.py --data ../shared/data/text

Every archive is unpacked again and compared. The processor time of both threads is printed beside the speed, which
other work on the machine slows down.
"""

import argparse
import bz2
import csv
import lzma
import os
import platform
import time
from pathlib import Path

import keepgate
from keepgate.native import instruction_set, threads

TEXTS = ("alice29.txt", "lcet10.txt")
METHODS = {
    "bzip2 -9": (lambda data: bz2.compress(data, 9), bz2.decompress),
    "xz -9e": (lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME), lzma.decompress),
    "keepgate, LSTM alone": (lambda data: keepgate.compress(data, lstm_only=True), keepgate.decompress),
    "keepgate": (keepgate.compress, keepgate.decompress),
}


def measure(path: Path, name: str) -> dict:
    """One row: the size of the archive, and the time it took to pack and to unpack."""
    data = path.read_bytes()
    row = {"file": path.name, "bytes": len(data), "method": name}
    given = data
    for verb, action in zip(("pack", "unpack"), METHODS[name], strict=True):
        start, processor, own = time.perf_counter(), time.process_time(), time.thread_time()
        result = action(given)
        row[f"{verb}_kb_s"] = round(len(data) / (time.perf_counter() - start) / 1000, 1)
        row[f"{verb}_own_us"] = round((time.thread_time() - own) / len(data) * 1e6, 1)
        row[f"{verb}_cpu_us"] = round((time.process_time() - processor) / len(data) * 1e6, 1)
        if verb == "pack":
            row["packed"] = len(result)
        given = result
    if given != data:
        raise SystemExit(f"{name} does not give {path} back")
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/text"), help="folder of the texts")
    parser.add_argument("--texts", nargs="+", default=TEXTS, metavar="FILE", help="names in that folder")
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS, help="which to try (default: all)")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="add the rows to this table too")
    options = parser.parse_args()
    print(f"{'file':12} {'bytes':>8} {'method':21} {'packed':>8} {'bits/byte':>9}   KB/s there, back   CPU us/byte")
    for name in options.texts:
        for method in options.methods:
            row = measure(options.data / name, method)
            bits = 8 * row["packed"] / row["bytes"]
            print(f"{name:12} {row['bytes']:8,} {method:21} {row['packed']:8,} {bits:9.3f}", end="")
            print(f"   {row['pack_kb_s']:10,} {row['unpack_kb_s']:7,} {row['pack_cpu_us']:7} {row['unpack_cpu_us']:5}")
            if options.csv:
                add(options.csv, row)


def add(path: Path, row: dict) -> None:
    """Append a row, with the machine, to a CSV file."""
    row |= {
        "threads": threads(),
        "set": instruction_set(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }
    fresh = not path.exists()
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, row, lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
