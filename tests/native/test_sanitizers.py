"""The core under AddressSanitizer and UndefinedBehaviorSanitizer, its threads under ThreadSanitizer: no report."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import keepgate
from native.process import SETS, TESTS, python
from native.sanitized import RANDOM_CELLS

pytestmark = pytest.mark.slow

# Reads a whole vector behind the end (the last load of a row, masked, is not looked at): what the sanitizers must see
# for their silence to mean anything.
FAULT = """
import numpy as np
from keepgate.native import _core, instruction_set
instruction_set()
x, y = np.zeros(2033, dtype=np.float32), np.zeros(2033, dtype=np.float32)
for count in (2033, 2064):
    print(count, flush=True)
    _core.function_single(5, x.ctypes.data, y.ctypes.data, count)
"""

# An editable installation finds the package, with its own core, before PYTHONPATH does.
PLAIN_IMPORT = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in type(finder).__module__]
"""


def tool(name: str) -> str:
    """Return a program beside this Python or on the path; without it there is nothing to build with."""
    found = shutil.which(name, path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        pytest.skip(f"{name} is not installed, so the core cannot be built with sanitizers")
    return found


def output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout.strip()


def library(compiler: str, name: str) -> str:
    """Return the path of a library of the compiler's."""
    found = output(compiler, f"-print-file-name={name}")
    if not Path(found).is_absolute():
        pytest.skip(f"{compiler} has no {name}")
    return found


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a process needs to run on a sanitized build of this source tree."""
    cmake, compiler = tool("cmake"), tool("g++")
    libraries = [library(compiler, name) for name in ("libasan.so", "libstdc++.so")]
    if importlib.util.find_spec("nanobind") is None:
        pytest.skip("nanobind is not installed, so the core cannot be built with sanitizers")
    folder = tmp_path_factory.mktemp("sanitized")
    package, build = folder / "keepgate", folder / "build"
    shutil.copytree(Path(keepgate.__file__).parent, package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    settings = {
        "KEEPGATE_SANITIZE": "address,undefined",
        "CMAKE_CXX_COMPILER": compiler,
        "Python_EXECUTABLE": sys.executable,
        "nanobind_DIR": output(sys.executable, "-m", "nanobind", "--cmake_dir"),
    }
    output(cmake, "-S", str(TESTS.parent), "-B", str(build), *(f"-D{name}={value}" for name, value in settings.items()))
    output(cmake, "--build", str(build), "--parallel", "2")
    (core,) = build.glob("_core*.so")
    shutil.move(core, package / "native")
    (folder / "sitecustomize.py").write_text(PLAIN_IMPORT)
    return {
        "PYTHONPATH": os.pathsep.join([str(folder), str(TESTS)]),
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python and torch keep much until the end
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }


def test_sanitizers_look(environment: dict[str, str]):
    done = python("-c", FAULT, **environment)
    assert done.stdout.split() == ["2033", "2064"]
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stderr


@pytest.mark.parametrize("instruction_set", [name for name, here in SETS.items() if here])
def test_no_report(instruction_set: str, environment: dict[str, str]):
    done = python(str(TESTS / "native" / "sanitized.py"), timeout=600, KEEPGATE_CPU=instruction_set, **environment)
    assert done.returncode == 0, done.stderr[-4000:]
    assert not done.stderr
    scans, random_cells = map(int, done.stdout.split())
    assert scans > 180
    assert random_cells == RANDOM_CELLS


def test_threads(tmp_path: Path):
    """The pool grows, fails to grow, forks, and has many callers."""
    compiler, program = tool("g++"), tmp_path / "pool"
    library(compiler, "libtsan.so")
    core = TESTS.parent / "native"
    names = ("pool", "openmp", "block_cache")
    sources = [TESTS / "native/pool_driver.cpp", *(core / f"src/{name}.cpp" for name in names)]
    flags = ["-std=c++17", "-O1", "-g", "-fsanitize=thread", "-pthread", "-static-libstdc++"]
    flags += ["-Wl,--wrap=pthread_create", f"-I{core / 'src'}"]
    output(compiler, *flags, *map(str, sources), "-o", str(program))
    options = {"TSAN_OPTIONS": "halt_on_error=1:die_after_fork=0"}
    done = subprocess.run([program], env=os.environ | options, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-4000:]
    assert not done.stderr
    assert int(done.stdout) > 4000
