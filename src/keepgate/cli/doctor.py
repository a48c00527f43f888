"""`keepgate doctor`: what is installed, and which engines run here."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Sequence

import keepgate
from keepgate.cli import parser
from keepgate.cli.extras import EXTRAS, missing_extra, missing_packages
from keepgate.cli.text import table

EXAMPLE = "  keepgate doctor"


def main(arguments: Sequence[str]) -> None:
    """Print versions, extras and engines."""
    parser("doctor", "Say what is installed, and which engines run here or why not.", EXAMPLE).parse_args(arguments)
    for rows in (_versions(), _extras(), _engines()):
        print(table(rows), end="\n\n")


def _versions() -> list[dict[str, str]]:
    names = ["numpy", "safetensors", *(name for packages in EXTRAS.values() for name in packages.values())]
    return [
        {"what": "keepgate", "version": keepgate.__version__},
        {"what": "python", "version": platform.python_version()},
        {"what": "machine", "version": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"},
        *({"what": name, "version": _version(name)} for name in names),
    ]


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _extras() -> list[dict[str, str]]:
    missing = {extra: missing_packages(extra) for extra in EXTRAS}
    return [
        {"extra": extra, "installed": f"no: pip install 'keepgate[{extra}]'" if absent else "yes"}
        for extra, absent in missing.items()
    ]


def _engines() -> list[dict[str, str]]:
    try:
        from keepgate.scan import engines
    except ModuleNotFoundError as error:
        return [{"engine": "any", "runs here": f"no: {missing_extra(error.name) or error}"}]
    return [
        {"engine": name, "runs here": answer if answer == "yes" else f"no: {answer}"}
        for name, answer in engines().items()
    ]
