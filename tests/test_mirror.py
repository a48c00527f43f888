"""A module's tests are found by its name: those of `src/keepgate/nn/layout.py` are `tests/nn/test_layout.py`.

Excepted are modules that only hold data, and the families here, of which one file of tests tries every member alike.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pages import ROOT

SOURCE, TESTS = ROOT / "src" / "keepgate", ROOT / "tests"

FAMILIES: dict[str, tuple[str, ...]] = {  # by the test that tries each member
    # each cell against its paper; gradients, engines and sizes in tests/conformance
    "cells/test_formulas.py": (
        "cells/coupled_lstm.py",
        "cells/gru.py",
        "cells/gru_cho.py",
        "cells/lstm.py",
        "cells/lstm_1997.py",
        "cells/multiplicative_lstm.py",
        "cells/mut1.py",
        "cells/peephole_lstm.py",
        "cells/peephole_lstm_full.py",
        "cells/rnn.py",
        "cells/time_aware_lstm.py",
    ),
    "cells/test_later_formulas.py": tuple(
        f"cells/{name}.py"
        for name in ("lem", "min_gru", "min_lstm", "nested_lstm", "qrnn", "rhn", "scrn", "slstm", "sru", "tau_gru")
    ),
    "oracles/test_torchrecurrent.py": tuple(
        f"cells/{name}.py"
        for name in (
            "atr",
            "brc",
            "cfn",
            "cornn",
            "dsgu",
            "fastgrnn",
            "fastrnn",
            "indrnn",
            "janet",
            "light_gru",
            "light_ru",
            "mgu",
            "minimal_rnn",
            "mut2",
            "mut3",
            "nas",
            "nbrc",
            "ran",
            "residual_lstm",
            "sgu",
            "star",
            "tgru",
            "tlstm",
            "trnn",
            "ugrnn",
            "unicornn",
            "working_memory_lstm",
        )
    ),
    # each command as it is typed; what they do for a task in test_<task>.py
    "cli/test_main.py": (
        "cli/cells.py",
        "cli/doctor.py",
        "cli/evaluate.py",
        "cli/fit.py",
        "cli/predict.py",
        "cli/show.py",
        "cli/text.py",
    ),
    "cli/test_forecast.py": ("cli/rolling.py", "cli/update.py"),
    "cli/test_compress.py": ("cli/archives.py", "cli/decompress.py"),
    "cli/test_transcribe.py": ("cli/decoding.py",),
    "compression/test_round_trip.py": ("compression/coder.py", "compression/streams.py"),
    # a policy as it is trained, evaluated, watched and filmed
    "cli/test_control.py": ("cli/episodes.py", "cli/film.py", "tasks/control/face.py"),
    "tasks/control/test_estimator.py": ("runtime/policy.py", "tasks/control/parameters.py"),
    "tasks/control/test_watching.py": ("tasks/control/figures.py",),
    "test_actions.py": ("training/policy/distribution.py",),
    "training/policy/test_learner.py": ("training/policy/record.py",),
    "training/policy/test_update.py": ("training/policy/reinforce.py",),
    # every operation, width and kind of leaf; every mistake that can be written
    "equations/test_mistakes.py": (
        "equations/checks.py",
        "equations/expression.py",
        "equations/language.py",
    ),
    "equations/test_graph.py": ("equations/reading.py",),
    "search/test_mutations.py": ("search/candidate.py",),
    "search/test_saving.py": ("search/figures.py",),
    # each algorithm against optima, its formulas derived again, and its state
    "training/evolution/test_algorithms.py": tuple(
        f"training/evolution/{name}.py"
        for name in ("cma_es", "cosyne", "esp", "genetic", "ng", "openai_es", "pgpe", "replayed", "snes")
    ),
    # every block on every interpreter of networks
    "conformance/test_blocks.py": (
        "export/blocks.py",
        "networks/layers.py",
        "networks/shapes.py",
        "nn/blocks.py",
        "runtime/blocks.py",
    ),
    "conformance/test_networks.py": ("export/network.py", "nn/network.py"),
    # every cell, on ONNX Runtime, as an operator or a loop
    "export/test_layers.py": ("export/steps.py",),
    "export/test_operators.py": ("export/nodes.py",),
    # every cell on every engine: values, all gradients, lengths, resets, sizes
    "conformance/test_engines.py": (
        "native/engine.py",
        "native/plan.py",
        "scan/buffers.py",
        "scan/native.py",
        "scan/reference.py",
    ),
    "conformance/test_convolution.py": ("scan/convolve.py",),
    "conformance/test_layers.py": ("scan/layers.py",),
    "native/test_tensors.py": ("scan/memory.py",),
    "objectives/test_ctc.py": ("native/objectives.py", "objectives/backend.py"),
    "objectives/test_decode.py": ("objectives/language.py",),
    "compression/test_learner.py": ("native/predictor.py",),
    # every transform of torch, whole or compiled
    "scan/autograd/test_functions.py": (
        "scan/autograd/backend.py",
        "scan/autograd/derivatives.py",
        "scan/autograd/population.py",
        "scan/torch_private.py",
    ),
    "scan/test_operators.py": ("scan/compiled.py",),
}
MEMBERS = {module: test for test, modules in FAMILIES.items() for module in modules}


def holds_data_alone(module: Path) -> bool:
    """There is no function and no method in it."""
    tree = ast.parse(module.read_text())
    return not any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) for node in ast.walk(tree))


def own_test(module: str) -> Path:
    path = Path(module)
    return TESTS / path.parent / f"test_{path.name}"


MODULES = [
    str(path.relative_to(SOURCE))
    for path in sorted(SOURCE.rglob("*.py"))
    if not path.name.startswith("_") and not holds_data_alone(path)
]


@pytest.mark.parametrize("module", MODULES)
def test_each_module_has_a_test_of_its_name_or_belongs_to_a_family(module: str):
    assert own_test(module).exists() or module in MEMBERS, (
        f"src/keepgate/{module} has no tests: write {own_test(module).relative_to(ROOT)}, or, if a file of tests tries "
        "it with others of its kind, name it in FAMILIES of tests/test_mirror.py"
    )


@pytest.mark.parametrize("module", MEMBERS)
def test_a_member_of_a_family_exists_and_has_no_test_of_its_own(module: str):
    assert module in MODULES
    assert not own_test(module).exists() or own_test(module) == TESTS / MEMBERS[module]


@pytest.mark.parametrize("test", FAMILIES)
def test_the_file_that_tries_a_family_has_tests(test: str):
    assert "\ndef test_" in (TESTS / test).read_text()


def test_modules_that_hold_data_alone_are_told_from_others(tmp_path):
    assert holds_data_alone(SOURCE / "data" / "sequences.py")
    assert not holds_data_alone(SOURCE / "data" / "lines.py")
    (tmp_path / "new.py").write_text("class A:\n    def b(self):\n        return 1\n")
    assert not holds_data_alone(tmp_path / "new.py")
