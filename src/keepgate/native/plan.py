"""From a program and its sizes to the plan of the native core: names become numbers, products are bundled.

Four things are decided here. Affine maps of one stage with the same sources become one bundle, multiplied together.
A product that only feeds one sum becomes one fused `multiply_add`. A row's deviation, where it is wanted beside its
normal form, is what `normalize` writes to its second argument. And the gradient of a vector is summed over time by
rows, in values that the program does not have.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import inf
from typing import Any

from keepgate.equations.operations import OPERATIONS
from keepgate.equations.program import Affine, Instruction, Program, Stage, Transposed, Value
from keepgate.errors import BackendError
from keepgate.maps import Dense, Map

__all__ = ["OPCODES", "plan", "refuses"]

# In the order of the core's enumerations (native/include/keepgate/kernels.h and plan.h).
OPERATION_NAMES = """
    add subtract multiply divide negative sigmoid tanh exp log sqrt softplus relu absolute minimum maximum less where
    mean deviation normalize normalize_slope broadcast multiply_add sigmoid_slope tanh_slope
"""
KIND_NAMES = "row input last step_input vector constant bernoulli cotangent mask sum"
OPCODES = {name: code for code, name in enumerate(OPERATION_NAMES.split())}
KINDS = {name: code for code, name in enumerate(KIND_NAMES.split())}


def refuses(product: Map) -> str | None:
    """Return why the core cannot multiply with a map, or None."""
    return None if type(product) is Dense else f"the core multiplies with matrices, not with the map {product}"


def plan(program: Program, input_size: int, hidden_size: int) -> dict[str, Any]:
    """Return the numbers that `Plan` of the native core is made of (see native/include/keepgate/plan.h).

    Raises:
        BackendError: the affine maps do not multiply with matrices.
    """
    if reason := refuses(program.map):
        raise BackendError(reason)
    return _Planner(program, input_size, hidden_size).plan()


class _Planner:
    def __init__(self, program: Program, input_size: int, hidden_size: int) -> None:
        joined = (join_deviations(stages) for stages in (program.forward, program.backward))
        self.program = replace(program, forward=next(joined), backward=next(joined))
        self.size = {"input": input_size, "hidden": hidden_size, "unit": 1} | program.sizes
        self.states = list(program.states)
        self.blocks = list(program.blocks)
        self.biases = list(program.biases)
        self.step_inputs = _names(program, "step_input")
        self.vectors = _names(program, "vector")
        self.streams: list[str] = []
        self.values = list(program.values)
        self.sums = self.add_sums()
        self.widths = [1 if v.width is None else self.size[v.width] for v in self.values]
        self.numbers = self.known()

    def add_sums(self) -> dict[str, int]:
        """Give each vector's gradient a value that is summed over time, beside the value that is added at each step."""
        stages = self.program.backward or (Stage((), ()),)
        made = {part.target: n for n, stage in enumerate(stages) for part in (*stage.products, *stage.ops)}
        rows = [list(stage.ops) for stage in stages]
        sums = {}
        for name, value in self.program.vectors.items():
            sums[name] = len(self.values)
            self.values.append(Value("sum", (name,), self.values[value].width))
            rows[made.get(value, 0)].append(Instruction("add", sums[name], (value, sums[name])))
        backward = (Stage(stage.products, tuple(own)) for stage, own in zip(stages, rows, strict=True))
        self.program = replace(self.program, backward=tuple(backward))
        return sums

    def known(self) -> dict[int, float]:
        """Return the values that are plain numbers at these sizes."""
        values = self.values
        numbers = {n: float(v.attrs[0]) for n, v in enumerate(values) if v.kind == "constant"}
        numbers |= {n: float(self.size[v.attrs[0]]) for n, v in enumerate(values) if v.kind == "size"}
        for stage in (*self.program.forward, *self.program.backward):
            for op, target, args in stage.ops:
                if values[target].width is None:
                    numbers[target] = float(OPERATIONS[op].compute(*(numbers[arg] for arg in args)))
        return numbers

    def plan(self) -> dict[str, Any]:
        program = self.program
        values = [self.value(number) for number in range(len(self.values))]
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
            "vector_values": [self.sums.get(name, -1) for name in self.vectors],
            "outers": self.outers(),
        }

    def value(self, number: int) -> tuple[int, int, int, float]:
        kind, attrs, _ = self.values[number]
        width, slot, constant = self.widths[number], 0, 0.0
        if kind in ("last", "cotangent"):
            slot = self.states.index(attrs[0])
        elif kind == "step_input":
            slot = self.step_inputs.index(attrs[0])
        elif kind in ("vector", "sum"):
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
        fused = fuse(stage.ops, self.outside(stage))
        rows = [self.instruction(row) for row in fused if row.target not in self.numbers]
        return [self.bundle(group) for group in bundles.values()], [self.transposed(p) for p in transposed], rows

    def outside(self, stage: Stage) -> set[int]:
        """Return the values that are read by anything but the rows of one stage."""
        program = self.program
        read = {*program.new.values(), *program.kept, *program.last.values(), *program.step_inputs.values()}
        read |= set() if program.x is None else {program.x}
        read |= {v for outer in program.outers for v in (outer.delta, outer.source)}
        for other in (*program.forward, *program.backward):
            for product in other.products:
                read |= set(product.deltas) if isinstance(product, Transposed) else {t.source for t in product.terms}
            if other is not stage:
                read |= {arg for row in other.ops for arg in row.args}
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
        unused = len(self.values)
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


def join_deviations(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Let the normal form of a row write the deviation too, where the deviation comes after it."""
    places = {(r.op, r.args): (n, i) for n, stage in enumerate(stages) for i, r in enumerate(stage.ops)}
    targets = {r.args: r.target for stage in stages for r in stage.ops if r.op == "deviation"}
    joined = {args for args in targets if places.get(("normalize", args), (inf,)) < places["deviation", args]}
    result = []
    for stage in stages:
        rows = [row for row in stage.ops if row.op != "deviation" or row.args not in joined]
        for i, (op, target, args) in enumerate(rows):
            if op == "normalize" and args in joined:
                rows[i] = Instruction(op, target, (*args, targets[args]))
        result.append(Stage(stage.products, tuple(rows)))
    return tuple(result)


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
