"""Every mistake in a cell is one sentence that begins with the line of the cell that is wrong."""

from __future__ import annotations

import inspect

import pytest

from keepgate.cells import LSTM, layer_norm, zoneout
from keepgate.equations import (
    Cell,
    affine,
    bernoulli,
    constant,
    mean,
    normalize,
    sigmoid,
    step_input,
    tanh,
    vector,
    where,
)
from keepgate.errors import CellError

# A mistake is in the line that ends in "# wrong".


class UnknownState(Cell):
    """Mistake has no state 'c'; its states are h"""

    def step(self, x, last):
        return self.State(h=tanh(affine("n", x, last.c)))  # wrong


class WrongReturn(Cell):
    """step returns tuple; it must return self.State(...)"""

    state = ("h", "c")

    def step(self, x, last):  # wrong
        h = tanh(affine("n", x, last.h))
        return h, h


class NoReturn(Cell):
    """step returns NoneType; it must return self.State(...)"""

    def step(self, x, last):  # wrong
        self.State(h=tanh(affine("n", x, last.h)))


class MissingState(Cell):
    """State(...) does not give c; the states of Mistake are h, c"""

    state = ("h", "c")

    def step(self, x, last):
        h = tanh(affine("n", x, last.h))
        return self.State(h=h)  # wrong


class AdditionalState(Cell):
    """State(...) gives the unknown m; the states of Mistake are h"""

    def step(self, x, last):
        h = tanh(affine("n", x, last.h))
        return self.State(h=h, m=h)  # wrong


class GateFedByALaterValue(Cell):
    """'c' is used before it is computed; write it above this line"""

    state = ("h", "c")

    def step(self, x, last):
        o = sigmoid(affine("o", x, last.h) + vector("p_o") * c)  # noqa: F821  # wrong
        c = last.c + tanh(affine("g", x, last.h))
        return self.State(h=o * tanh(c), c=c)


class UndefinedName(Cell):
    """name 'gate' is not defined"""

    def step(self, x, last):
        return self.State(h=gate * last.h)  # noqa: F821  # wrong


class DuplicateGate(Cell):
    """the affine map 'i' of source i is written twice; name them apart"""

    def step(self, x, last):
        i = sigmoid(affine("i", x, last.h))
        g = tanh(affine("i", x, last.h))  # wrong
        return self.State(h=i * g)


class DuplicateVector(Cell):
    """vector('p') is written twice; name them apart, or keep it in a variable"""

    state = ("h", "c")

    def step(self, x, last):
        i = sigmoid(affine("i", x) + vector("p") * last.c)
        f = sigmoid(affine("f", x) + vector("p") * last.c)  # wrong
        return self.State(h=f * last.h + i, c=last.c + i)


class DuplicateNoise(Cell):
    """bernoulli('d') is written twice; name them apart, or keep it in a variable"""

    def step(self, x, last):
        kept = bernoulli("d", 0.5) * last.h
        other = bernoulli("d", 0.5) * kept  # wrong
        return self.State(h=tanh(affine("n", x) + other))


class StepInputOfTwoWidths(Cell):
    """step_input('gap') is written twice; name them apart, or keep it in a variable"""

    def step(self, x, last):
        a = step_input("gap") * last.h
        b = step_input("gap", "hidden") * a  # wrong
        return self.State(h=tanh(affine("n", x) + b))


class VectorNamedAsAWeight(Cell):
    """vector('weight_ih') has the name of a weight of the affine maps; choose another"""

    def step(self, x, last):
        return self.State(h=vector("weight_ih") * tanh(affine("n", x, last.h)))  # wrong


class BranchOnAValue(Cell):
    """a step has no `if`, `and` or comparison chains on values; use where(condition, a, b)"""

    def step(self, x, last):
        a = affine("n", x, last.h)
        if a > 0:  # wrong
            a = -a
        return self.State(h=tanh(a))


class ChainedComparison(Cell):
    """a step has no `if`, `and` or comparison chains on values; use where(condition, a, b)"""

    def step(self, x, last):
        a = affine("n", x, last.h)
        return self.State(h=where(0 < a < 1, a, last.h))  # wrong


class EqualityIsNoValue(Cell):
    """expected a value of the cell or a number, got bool"""

    def step(self, x, last):
        a = affine("n", x, last.h)
        return self.State(h=where(a == 0, a, last.h))  # wrong


class LessOrEqual(Cell):
    """'<=' not supported between instances of 'Expression' and 'int'"""

    def step(self, x, last):
        a = affine("n", x, last.h)
        return self.State(h=where(a <= 0, a, last.h))  # wrong


class WidthsMixed(Cell):
    """values of width 'hidden' and 'input' are combined unit by unit; an affine map joins different widths"""

    def step(self, x, last):
        return self.State(h=tanh(affine("n", x)) + x * last.h)  # wrong


class StateOfTheInputsWidth(Cell):
    """the new h has as many units as the input; bring it to the state's by an affine map"""

    def step(self, x, last):
        return self.State(h=tanh(x))  # wrong


class StateOfOneNumber(Cell):
    """the new h is no value with one number a unit"""

    def step(self, x, last):
        return self.State(h=mean(affine("n", x, last.h)))  # wrong


class StateOfANumber(Cell):
    """the new c is no value with one number a unit"""

    state = ("h", "c")

    def step(self, x, last):
        return self.State(h=affine("n", x, last.h), c=0.0)  # wrong


class ComputedSourceWithoutLetter(Cell):
    """a computed source of an affine map is passed with the letter of its matrix, as in affine('n', x, m=value)"""

    def step(self, x, last):
        r = sigmoid(affine("r", x, last.h))
        return self.State(h=tanh(affine("n", x, r * last.h)))  # wrong


class NumberAsSource(Cell):
    """source m of affine('n') is no value of the cell"""

    def step(self, x, last):
        return self.State(h=tanh(affine("n", x, m=1.0)))  # wrong


class ConstantAsSource(Cell):
    """source m of affine('n') is no value of the cell"""

    def step(self, x, last):
        return self.State(h=tanh(affine("n", x, m=constant(1.0))))  # wrong


class NoSource(Cell):
    """affine('n') has no source"""

    def step(self, x, last):
        return self.State(h=tanh(affine("n") + last.h))  # wrong


class SourceTwice(Cell):
    """affine('n') names the same source twice"""

    def step(self, x, last):
        return self.State(h=tanh(affine("n", x, last.h, last.h)))  # wrong


class GateWithoutName(Cell):
    """affine needs a name that is a Python identifier, got x[t]"""

    def step(self, x, last):
        return self.State(h=tanh(affine(x, last.h)))  # wrong


class NameOfTwoWords(Cell):
    """vector needs a name that is a Python identifier, got 'p i'"""

    def step(self, x, last):
        return self.State(h=tanh(affine("n", x)) * vector("p i"))  # wrong


class OneLetterForTwoWidths(Cell):
    """matrix m of 'b' takes a source of another width than before"""

    def step(self, x, last):
        a = affine("a", m=tanh(last.h))
        b = affine("b", m=tanh(x))  # wrong
        return self.State(h=tanh(a + b))


class UnknownWidth(Cell):
    """the unknown width 'wide'; a width is one of input, hidden, projection, unit"""

    def step(self, x, last):
        p = vector("p", 1.0, "wide")  # wrong
        return self.State(h=tanh(affine("n", x, last.h)) + affine("m", q=p))


class MapToTheInputsWidth(Cell):
    """the unknown width 'input'; a width is one of hidden, projection"""

    def step(self, x, last):
        back = affine("back", last.h, width="input")  # wrong
        return self.State(h=tanh(affine("n", q=back)))


class ProjectionWithoutSize(Cell):
    """width 'projection' has no size here; write the cell without it and use projected(cell, size)"""

    def step(self, x, last):
        r = affine("r", last.h, width="projection")  # wrong
        return self.State(h=tanh(affine("n", x, q=r)))


class TooManyArguments(Cell):
    """tanh takes 1 value, got 2"""

    def step(self, x, last):
        return self.State(h=tanh(affine("a", x), affine("b", last.h)))  # wrong


class TooFewArguments(Cell):
    """minimum takes 2 values, got 1"""

    def step(self, x, last):
        from keepgate.equations import minimum

        return self.State(h=minimum(affine("a", x)))  # wrong


class TextForAValue(Cell):
    """expected a value of the cell or a number, got str"""

    def step(self, x, last):
        return self.State(h=tanh("a") + affine("n", x))  # wrong


class TextForANumber(Cell):
    """constant takes a number, got str"""

    def step(self, x, last):
        return self.State(h=affine("n", x) * constant("2"))  # wrong


class NoProbability(Cell):
    """bernoulli('d') needs a probability from 0 to 1, got 1.5"""

    def step(self, x, last):
        return self.State(h=bernoulli("d", 1.5) * affine("n", x))  # wrong


class RareDraw(Cell):
    """bernoulli('d') is drawn per step or sequence, got 'epoch'"""

    def step(self, x, last):
        return self.State(h=bernoulli("d", 0.5, per="epoch") * affine("n", x))  # wrong


class MeanOfANumber(Cell):
    """mean over units needs a value that has units"""

    def step(self, x, last):
        return self.State(h=affine("n", x) - mean(step_input("gap")))  # wrong


class NormalizedMean(Cell):
    """normalize over units needs a value that has units"""

    def step(self, x, last):
        return self.State(h=affine("n", x) * normalize(mean(last.h)))  # wrong


class NormalizedNumber(Cell):
    """normalize over units needs a value that has units"""

    def step(self, x, last):
        return self.State(h=affine("n", x) + normalize(1))  # wrong


class AnyOtherError(Cell):
    """unsupported operand type(s) for ** or pow(): 'Expression' and 'int'"""

    def step(self, x, last):
        return self.State(h=affine("n", x) ** 2)  # wrong


MISTAKES = {name: value for name, value in globals().items() if inspect.isclass(value) and value.__module__ == __name__}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_names_its_line(mistake: str):
    cell = MISTAKES[mistake]
    lines, start = inspect.getsourcelines(cell)
    wrong = next(i for i, line in enumerate(lines) if line.rstrip().endswith("# wrong"))
    message = cell.__doc__.replace("Mistake", mistake)
    with pytest.raises(CellError) as caught:
        _ = cell().equations
    assert str(caught.value) == f"{__file__}, line {start + wrong} (`{lines[wrong].strip()}`): {message}"


class WithoutStep(Cell):
    pass


def test_a_cell_without_step():
    with pytest.raises(CellError, match=r"^WithoutStep has no step; write def step\(self, x, last\)$"):
        _ = WithoutStep().equations


@pytest.mark.parametrize("state", [(), ("h", "h"), "h", ("h 1",), None])
def test_states_are_a_tuple_of_names(state):
    cell = type("Badly", (LSTM,), {"state": state})
    with pytest.raises(CellError, match=r"^Badly: `state` is a tuple that names each state once, got "):
        _ = cell().equations


def test_a_line_of_a_helper_function_is_the_line_that_is_wrong():
    def gate(name, x, last):
        return sigmoid(affine(name, x, last.memory))

    class WithHelper(Cell):
        def step(self, x, last):
            return self.State(h=gate("i", x, last) * last.h)

    with pytest.raises(CellError) as caught:
        _ = WithHelper().equations
    assert f"line {gate.__code__.co_firstlineno + 1} " in str(caught.value)


@pytest.mark.parametrize("twice", [lambda: zoneout(zoneout(LSTM())), lambda: layer_norm(layer_norm(LSTM()))])
def test_a_modifier_twice(twice):
    with pytest.raises(CellError, match="is written twice; name them apart"):
        twice()


def test_a_shared_vector_is_a_variable():
    class Shared(Cell):
        def step(self, x, last):
            p = vector("p")
            return self.State(h=tanh(p * affine("n", x) + p * last.h))

    assert [parameter.name for parameter in Shared().equations.parameters(2, 3)] == ["weight_ih", "bias_ih", "p"]
