import numpy as np
import pytest

from keepgate.data.tables.ts import read_ts
from keepgate.errors import InputError

HEADER = """\
# a comment
@problemName Toy
@timeStamps false
@missing false
@univariate false
@dimensions 2
@equalLength false
@classLabel true yes no
@data
"""


@pytest.fixture
def ts(tmp_path):
    def write(text):
        path = tmp_path / "toy.ts"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_series_of_two_channels_and_unequal_lengths(ts):
    data = read_ts(ts(HEADER + "1,2,3:4,5,6:yes\n\n# in between\n-1e-3, 0.5:7,8:no\n"))
    assert list(data.ids) == [1, 2]
    assert data.labels is not None
    assert data.labels.tolist() == ["yes", "no"]
    assert list(data.channels) == ["1", "2"]
    np.testing.assert_array_equal(data.values[0], [[1, 4], [2, 5], [3, 6]])
    np.testing.assert_array_equal(data.values[1], [[-1e-3, 7], [0.5, 8]])


def test_univariate_without_labels_and_keys_in_any_case(ts):
    data = read_ts(ts("@UNIVARIATE TRUE\n@CLASSLABEL FALSE\n@DATA\n1,2\n3\n"))
    assert data.labels is None
    np.testing.assert_array_equal(data.values[0], [[1], [2]])
    np.testing.assert_array_equal(data.values[1], [[3]])


def test_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / "w.ts"
    path.write_bytes("\ufeff@classLabel true a\r\n@data\r\n1,2:a\r\n".encode())
    np.testing.assert_array_equal(read_ts(path).values[0], [[1], [2]])


def test_equal_length_promise_that_is_kept(ts):
    data = read_ts(ts("@equalLength true\n@seriesLength 2\n@classLabel true a b\n@data\n1,2:a\n3,4:b\n"))
    assert [value.shape for value in data.values] == [(2, 1), (2, 1)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("@problemName Toy\n", "has no @data line"),
        (HEADER, "has no series after @data"),
        ("@data\n1:a\n", "line 1: the header has no @classLabel line"),
        ("1,2:a\n", "line 1: expected a header line"),
        ("@timeStamps true\n@data\n", "line 1: series with time stamps are not read"),
        ("@targetLabel true\n@data\n", "line 1: @targetLabel marks a regression problem"),
        ("@timeStamps maybe\n", "line 1: @timeStamps is followed by neither true nor false"),
        ("@classLabel true\n", "line 1: @classLabel true is followed by no label"),
        ("@dimensions none\n", "line 1: @dimensions is not followed by a whole number"),
        (HEADER + "1,2:3,4:yes\n1,?:3,4:no\n", "line 11: channel 1 has a missing value"),
        (HEADER + "1,2:3,NaN:yes\n", "line 10: channel 2 has NaN"),
        (HEADER + "1,2:3,inf:yes\n", "line 10: channel 2 has NaN or an infinite"),
        (HEADER + "1,2:3,x:yes\n", "line 10: channel 2 has 'x' where a number"),
        (HEADER + "1,2::yes\n", "line 10: channel 2 is empty"),
        (HEADER + "1,2:yes\n", "line 10: 1 channels where 2 are expected"),
        (HEADER + "1,2:3:yes\n", "line 10: the channels of one series differ in length: 2, 1"),
        (HEADER + "1,2:3,4:perhaps\n", "line 10: class label 'perhaps' is none of those"),
        ("@classLabel true a\n@data\n1:2:a\n1:a\n", "line 4: 1 channels where 2 are expected"),
        ("@equalLength true\n@classLabel true a\n@data\n1,2:a\n1:a\n", "line 5: 1 values a channel where"),
        ("@equalLength true\n@seriesLength 3\n@classLabel true a\n@data\n1,2:a\n", "line 5: 2 values a channel"),
    ],
)
def test_what_is_refused_is_told_with_file_and_line(ts, text, message):
    path = ts(text)
    with pytest.raises(InputError) as caught:
        read_ts(path)
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value).replace("@timestamps", "@timeStamps").replace("@targetlabel", "@targetLabel")


def test_a_missing_or_binary_file_is_told(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_ts(tmp_path / "absent.ts")
    binary = tmp_path / "binary.ts"
    binary.write_bytes(b"@classLabel false\n@data\n\xff\xfe\x00")
    with pytest.raises(InputError, match="UTF-8"):
        read_ts(binary)


def test_japanese_vowels_as_its_source_describes_it(shared_data):
    folder = shared_data("japanese_vowels")
    train, test = (read_ts(folder / f"JapaneseVowels_{part}.ts") for part in ("TRAIN", "TEST"))
    assert train.labels is not None
    assert test.labels is not None
    assert np.unique(train.labels, return_counts=True)[1].tolist() == [30] * 9
    assert np.unique(test.labels, return_counts=True)[1].tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    lengths = [len(value) for value in [*train.values, *test.values]]
    assert (min(lengths), max(lengths)) == (7, 29)
    assert {value.shape[1] for value in [*train.values, *test.values]} == {12}
