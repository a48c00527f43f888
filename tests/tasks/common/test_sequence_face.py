from __future__ import annotations

import numpy as np
import pytest

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks.classify.face import ClassifierFace
from keepgate.tasks.classify.parameters import ClassifyColumns
from keepgate.tasks.common.sequence_face import SequenceFace

TS = "@problemName x\n@timeStamps false\n@univariate true\n@classLabel {label}\n@data\n{data}\n"


class Fitted:
    channels_ = ("b", "a")
    units_ = None


def face():
    return ClassifierFace(Fitted())


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("who,when,kind,a,b\nx,2,up,1,2\nx,1,up,3,4\ny,1,down,5,6\n")
    columns = ClassifyColumns(id_column="who", time_column="when", label_column="kind")
    data = ClassifierFace.read(path, columns)
    assert [values.tolist() for values in data.values] == [[[3.0, 4.0], [1.0, 2.0]], [[5.0, 6.0]]]
    assert (list(data.ids), list(data.labels), data.channels) == (["x", "y"], ["up", "down"], ["a", "b"])


def test_further_files_are_read_by_the_channels_of_the_training_file(tmp_path):
    path = tmp_path / "data.csv"
    path.write_text("unique_id,ds,label,a,b,c\nx,1,up,1,2,3\n")
    one = face()
    one.bind_columns(ClassifyColumns())
    assert one.columns.channel_columns == ("b", "a")
    data = one.read_alike(path)
    assert (data.channels, data.values[0].tolist()) == (["b", "a"], [[2.0, 1.0]])


def test_without_a_training_file_the_columns_are_the_usual_ones():
    assert face().columns == ClassifyColumns()


def test_a_ts_file_needs_labels_only_to_learn_them(tmp_path):
    path = tmp_path / "plain.ts"
    path.write_text(TS.format(label="false", data="1,2,3"))
    assert ClassifierFace.read(path, labelled=False).labels is None
    with pytest.raises(InputError, match=r"plain\.ts has no class labels \(@classLabel false\)$"):
        ClassifierFace.read(path)


def test_what_the_data_are_understood_to_be():
    values = [np.zeros((n, 2)) for n in (3, 5, 4)]
    data = Sequences("abc", values, np.array(["up", "down", "up"]), ["u", "v"])
    assert SequenceFace.about(face(), data) == [
        "3 series of 3 to 5 steps; channels: 'u', 'v'",
        "classes: 'down (1)', 'up (2)'",
    ]
    unlabelled = Sequences("abc", values, None, ["u", "v"])
    assert SequenceFace.about(face(), unlabelled) == ["3 series of 3 to 5 steps; channels: 'u', 'v'"]
