"""From a program and its sizes to the plan of the native core: names become numbers, products are bundled.

Two things are decided here. Affine maps of one stage with the same sources become one bundle, multiplied together.
And a product that only feeds one sum becomes one fused ``multiply_add``.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from keepgate.equations.operations import OPERATIONS
from keepgate.equations.program import Affine, Instruction, Program, Stage, Transposed

__all__ = ["OPCODES", "plan"]

# In the order of the core's enumerations (native/include/keepgate/kernels.h and plan.h).
OPERATION_NAMES = """
    add subtract multiply divide negative sigmoid tanh exp log sqrt softplus relu absolute minimum maximum less where
    mean deviation normalise broadcast multiply_add sigmoid_slope tanh_slope
"""
KIND_NAMES = "row input last step_input vector constant bernoulli cotangent mask"
OPCODES = {name: code for code, name in enumerate(OPERATION_NAMES.split())}
KINDS = {name: code for code, name in enumerate(KIND_NAMES.split())}


def plan(program: Program, input_size: int, hidden_size: int) -> dict[str, Any]:
    """Return the numbers that ``Plan`` of the native core is made of (see native/include/keepgate/plan.h)."""
    return _Planner(program, input_size, hidden_size).plan()


class _Planner:
    def __init__(self, program: Program, input_size: int, hidden_size: int) -> None:
        self.program = program
        self.size = {"input": input_size, "hidden": hidden_size, "unit": 1} | program.sizes
        self.states = list(program.states)
        self.blocks = list(program.blocks)
        self.biases = list(program.biases)
        self.step_inputs = _names(program, "step_input")
        self.vectors = _names(program, "vector")
        self.streams: list[str] = []
        self.widths = [1 if v.width is None else self.size[v.width] for v in program.values]
        self.numbers = self.known()

    def known(self) -> dict[int, float]:
        """Return the values that are plain numbers at these sizes."""
        values = self.program.values
        numbers = {n: float(v.attrs[0]) for n, v in enumerate(values) if v.kind == "constant"}
        numbers |= {n: float(self.size[v.attrs[0]]) for n, v in enumerate(values) if v.kind == "size"}
        for stage in (*self.program.forward, *self.program.backward):
            for op, target, args in stage.rows:
                if values[target].width is None:
                    numbers[target] = float(OPERATIONS[op].compute(*(numbers[arg] for arg in args)))
        return numbers

    def plan(self) -> dict[str, Any]:
        program = self.program
        values = [self.value(number) for number in range(len(program.values))]
        vector_numbers = {v.attrs[0]: n for n, v in enumerate(program.values) if v.kind == "vector"}
        given_widths = {v.attrs[0]: self.widths[n] for n, v in enumerate(program.values) if v.kind == "step_input"}
        x = [p for s in program.backward for p in s.products if isinstance(p, Transposed) and p.hoisted]
        return {
            "values": values,
            "state_widths": [self.size[width] for width in program.states.values()],
            "input_size": self.size["input"],
            "block_rows": [len(gates) * self.rows(block) for block, gates in program.blocks.items()],
            "block_columns": [self.columns(block) for block in self.blocks],
            "vector_widths": [self.widths[vector_numbers[name]] for name in self.vectors],
            "step_input_widths": [given_widths[name] for name in self.step_inputs],
            "new_values": [program.new[state] for state in self.states],
            "kept": list(program.kept),
            "forward": [self.stage(stage) for stage in program.forward],
            "backward": [self.stage(stage) for stage in program.backward],
            "last_values": [program.last.get(state, -1) for state in self.states],
            "x": [self.transposed(product) for product in x],
            "x_value": -1 if program.x is None or x else program.x,
            "step_input_values": [program.step_inputs.get(name, -1) for name in self.step_inputs],
            "vector_values": [program.vectors.get(name, -1) for name in self.vectors],
            "outers": self.outers(),
        }

    def value(self, number: int) -> tuple[int, int, int, float]:
        kind, attrs, _ = self.program.values[number]
        width, slot, constant = self.widths[number], 0, 0.0
        if kind in ("last", "cotangent"):
            slot = self.states.index(attrs[0])
        elif kind == "step_input":
            slot = self.step_inputs.index(attrs[0])
        elif kind == "vector":
            slot = self.vectors.index(attrs[0])
        elif kind == "bernoulli":
            name, constant, per = attrs
            kind, slot = ("bernoulli" if per == "step" else "mask"), len(self.streams)
            self.streams.append(name)
        elif number in self.numbers:
            kind, constant = "constant", self.numbers[number]
        return KINDS[kind], width, slot, constant

    def rows(self, block: str) -> int:
        """Return the rows of one gate of a weight."""
        return self.size["projection" if block.endswith("r") else "hidden"]

    def columns(self, block: str) -> int:
        """Return the columns of a weight: the width of what it multiplies."""
        affines = [p for stage in self.program.forward for p in stage.products if isinstance(p, Affine)]
        return next(self.widths[t.source] for affine in affines for t in affine.terms if t.block == block)

    def stage(self, stage: Stage) -> tuple[list[Any], list[Any], list[Any]]:
        affines = [p for p in stage.products if isinstance(p, Affine)]
        transposed = [p for p in stage.products if isinstance(p, Transposed) and not p.hoisted]
        bundles: dict[tuple[Any, ...], list[Affine]] = {}
        for affine in affines:
            key = (self.widths[affine.target], *((t.block, t.source, t.bias) for t in affine.terms))
            bundles.setdefault(key, []).append(affine)
        fused = fuse(stage.rows, self.outside(stage))
        rows = [self.instruction(row) for row in fused if row.target not in self.numbers]
        return [self.bundle(group) for group in bundles.values()], [self.transposed(p) for p in transposed], rows

    def outside(self, stage: Stage) -> set[int]:
        """Return the values that are read by anything but the rows of one stage."""
        program = self.program
        read = {*program.new.values(), *program.kept, *program.last.values(), *program.step_inputs.values()}
        read |= {*program.vectors.values(), *([] if program.x is None else [program.x])}
        read |= {v for outer in program.outers for v in (outer.delta, outer.source)}
        for other in (*program.forward, *program.backward):
            for product in other.products:
                read |= set(product.deltas) if isinstance(product, Transposed) else {t.source for t in product.terms}
            if other is not stage:
                read |= {arg for row in other.rows for arg in row.args}
        return read

    def bundle(self, affines: list[Affine]) -> tuple[int, list[int], list[Any]]:
        terms = []
        for i, term in enumerate(affines[0].terms):
            block = term.block
            gates = self.program.blocks[block]
            biased = self.program.biases.get(block, ()) if term.bias else ()
            rows = [gates.index(affine.gate) * self.rows(block) for affine in affines]
            places = [biased.index(a.gate) * self.rows(block) if a.terms[i].bias else -1 for a in affines]
            bias_block = self.biases.index(block) if biased else -1
            terms.append((term.source, self.blocks.index(block), bias_block, term.hoisted, rows, places))
        return self.widths[affines[0].target], [affine.target for affine in affines], terms

    def transposed(self, product: Transposed) -> tuple[int, int, int, list[int], list[int]]:
        gates = self.program.blocks[product.block]
        rows = [gates.index(gate) * self.rows(product.block) for gate in product.gates]
        block = self.blocks.index(product.block)
        return product.target, self.widths[product.target], block, list(product.deltas), rows

    def instruction(self, row: Instruction) -> tuple[int, int, list[int], int]:
        unused = len(self.program.values)
        of_rows = row.op in ("mean", "deviation")
        width = self.widths[row.args[0] if of_rows else row.target]
        return OPCODES[row.op], row.target, [*row.args, unused, unused, unused][:3], width

    def outers(self) -> list[Any]:
        groups: dict[tuple[str, int], list[Any]] = {}
        for outer in self.program.outers:
            groups.setdefault((outer.block, outer.source), []).append(outer)
        result = []
        for (block, source), group in groups.items():
            gates, biased = self.program.blocks[block], self.program.biases.get(block, ())
            group.sort(key=lambda outer: gates.index(outer.gate))
            rows = [gates.index(outer.gate) * self.rows(block) for outer in group]
            places = [biased.index(o.gate) * self.rows(block) if o.bias else -1 for o in group]
            bias_block = self.biases.index(block) if biased else -1
            deltas = [outer.delta for outer in group]
            result.append((self.blocks.index(block), source, bias_block, deltas, rows, places))
        return result


def fuse(rows: tuple[Instruction, ...], outside: set[int]) -> list[Instruction]:
    """Join a product that only one sum reads with that sum."""
    reads = Counter(arg for row in rows for arg in row.args)
    products = {r.target: r for r in rows if r.op == "multiply" and reads[r.target] == 1 and r.target not in outside}
    fused: list[Instruction] = []
    gone: set[int] = set()
    for row in rows:
        product = next((arg for arg in row.args if arg in products), None) if row.op == "add" else None
        if product is not None:
            other = row.args[1] if row.args[0] == product else row.args[0]
            fused.append(Instruction("multiply_add", row.target, (*products[product].args, other)))
            gone.add(product)
        else:
            fused.append(row)
    return [row for row in fused if row.target not in gone]


def _names(program: Program, kind: str) -> list[str]:
    return list(dict.fromkeys(value.attrs[0] for value in program.values if value.kind == kind))
