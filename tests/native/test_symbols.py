"""What is compiled once per instruction set shares no linkage name: the linker would keep one copy for all machines."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import combinations
from pathlib import Path

import pytest

from native.process import TESTS

pytestmark = pytest.mark.slow

ROOT = TESTS.parent
SOURCES = ("kernels.cpp", "objective_kernels.cpp", "learner_kernels.cpp")
# A function that the compiler does not inline is what the linker would merge, so nothing is optimised here.
FLAGS = ["-std=c++17", "-O0", "-c", "-ffp-contract=off", "-fno-exceptions", "-Wno-psabi"]
SHARED = """
inline float half(float x) { return x / 2; }
float of_NAME(float x) { return half(x); }
"""


def sets() -> dict[str, list[str]]:
    """Return the flags of each instruction set of this kind of processor, as CMakeLists.txt has them."""
    text = (ROOT / "CMakeLists.txt").read_text()
    flags = dict(re.findall(r"set\(KEEPGATE_FLAGS_(\w+) ([^)]*)\)", text))
    if not flags:
        pytest.skip("CMakeLists.txt names no instruction sets")
    return {name: value.split() for name, value in flags.items()}


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def symbols(source: Path, name: str, flags: list[str], folder: Path) -> set[str]:
    """Return what an object of a source defines for others, of one instruction set: strong, weak and unique symbols."""
    target = folder / f"{source.stem}_{name}.o"
    include = [f"-I{ROOT / 'native' / part}" for part in ("include", "src")]
    command = [tool("g++"), *FLAGS, *flags, f"-DKEEPGATE_SET={name}", *include, str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True)
    if "bad value" in done.stderr or "unrecognized" in done.stderr:
        pytest.skip("this compiler does not build for the instruction sets of CMakeLists.txt")
    assert done.returncode == 0, done.stderr[-4000:]
    listed = subprocess.run([tool("nm"), "-C", "--defined-only", target], capture_output=True, text=True, check=True)
    lines = (line.split(maxsplit=2) for line in listed.stdout.splitlines())
    return {symbol for _, kind, symbol in lines if kind in "TDRBWVu"}


def common(sources: dict[str, list[Path]], folder: Path) -> set[str]:
    """Return the names that objects of two instruction sets define both."""
    defined = {
        name: set().union(*(symbols(source, name, flags, folder) for source in sources[name]))
        for name, flags in sets().items()
    }
    assert all(defined.values())
    return set().union(*(defined[a] & defined[b] for a, b in combinations(defined, 2)))


def test_no_name_is_shared(tmp_path: Path):
    of_all = [ROOT / "native" / "src" / source for source in SOURCES]
    assert not common(dict.fromkeys(sets(), of_all), tmp_path)


def test_a_shared_name_is_seen(tmp_path: Path):
    sources = {name: [tmp_path / f"{name}.cpp"] for name in sets()}
    for name, (source,) in sources.items():
        source.write_text(SHARED.replace("NAME", name))
    assert common(sources, tmp_path) == {"half(float)"}
