from __future__ import annotations

import itertools

import pytest
import torch

from keepgate.errors import InputError, KindError
from keepgate.objectives.targets import read_targets

SCORES = torch.zeros(6, 3, 4)
ROWS = [[1, 1, 2], [], [3]]
PADDED = torch.tensor([[1, 1, 2], [0, 0, 0], [3, 9, 9]])
FLAT = torch.tensor([1, 1, 2, 3])
SIZES = torch.tensor([3, 0, 1])


@pytest.mark.parametrize(
    "targets", [PADDED, FLAT, PADDED.int(), FLAT.tolist()], ids=["padded", "flat", "int32", "list"]
)
@pytest.mark.parametrize("sizes", [SIZES, [3, 0, 1]], ids=["tensor", "list"])
def test_both_forms_are_one(targets, sizes):
    found = read_targets(SCORES, targets, [6, 6, 2], sizes, 0)
    assert found.symbols.tolist() == [1, 1, 2, 3]
    assert found.starts.tolist() == [0, 3, 3, 4]
    assert (found.lengths.tolist(), found.longest) == ([3, 0, 1], 3)
    assert found.padded().tolist() == [[1, 1, 2], [0, 0, 0], [3, 0, 0]]
    assert found.input_lengths.tolist() == [6, 6, 2]


def test_the_fewest_steps_are_those_of_the_shortest_alignment():
    """Of all labellings of n steps with the blank 0, the first n at which one collapses to the target."""

    def shortest(target):
        for n in range(8):
            for way in itertools.product(range(3), repeat=n):
                if [k for k, _ in itertools.groupby(way) if k] == target:
                    return n
        raise AssertionError

    rows = [[], [1], [1, 1], [1, 2, 1], [2, 2, 2], [1, 1, 2, 2]]
    flat = torch.tensor([s for row in rows for s in row])
    found = read_targets(torch.zeros(8, 6, 3), flat, [8] * 6, [len(row) for row in rows], 0)
    assert found.required().tolist() == [shortest(row) for row in rows]


def test_an_utterance_without_an_alignment_is_named():
    found = read_targets(SCORES, FLAT, [4, 0, 1], SIZES, 0)
    found.check_fit(["a", "b", "c"])
    short = read_targets(SCORES, FLAT, [3, 0, 1], SIZES, 0)
    with pytest.raises(InputError, match=r"^utterance a: its target of 3 symbols takes 4 steps, .* its input has 3; "):
        short.check_fit(["a", "b", "c"])


def test_no_rows_at_all():
    found = read_targets(torch.zeros(2, 0, 3), torch.zeros(0, dtype=torch.int64), [], [], 0)
    assert found.longest == 0
    assert found.padded().shape == (0, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"values": [[0.0]]}, r"^CTC takes scores as a tensor \[T, B, C\], got list$"),
        ({"values": SCORES[0]}, r"^CTC takes scores \[T, B, C\] of floating point, got \(3, 4\) of torch.float32$"),
        ({"values": SCORES.long()}, r"^CTC takes scores \[T, B, C\] of floating point, got .* of torch.int64$"),
        ({"blank": 4}, "^blank is one of the C=4 symbols, from 0 to 3; got 4$"),
        ({"blank": -1}, "^blank is one of the C=4 symbols"),
        ({"blank": 1.0}, "^blank is one of the C=4 symbols"),
        ({"targets": FLAT[:3]}, "^target_lengths add up to 4, but targets hold 3 symbols$"),
        ({"targets": PADDED[:2]}, "^targets have 2 rows where the scores have 3$"),
        ({"targets": FLAT.float()}, "targets"),
        ({"input_lengths": [6, 6]}, r"^input_lengths are 3 integers, one a row; got \(2,\) of torch.int64$"),
        ({"input_lengths": [7, 6, 6]}, "^input_lengths are from 0 to 6; got 6 to 7$"),
        ({"target_lengths": [3, -1, 2]}, "^target_lengths are from 0 to 4; got -1 to 3$"),
        (
            {"targets": torch.tensor([1, 1, 0, 3])},
            "^targets: symbol 0 in row 0 is none of those from 0 to 3 without",
        ),
        ({"targets": torch.tensor([1, 1, 2, 4])}, "^targets: symbol 4 in row 2 is none of those from 0 to 3"),
    ],
)
def test_what_does_not_fit_is_told(change, words):
    given = {"values": SCORES, "targets": FLAT, "input_lengths": [6, 6, 2], "target_lengths": SIZES, "blank": 0}
    with pytest.raises((InputError, KindError), match=words):
        read_targets(**{**given, **change})
