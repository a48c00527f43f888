"""What is taken for a table, and how its columns are called."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from keepgate.data.sequences import Sequences
from keepgate.errors import InputError
from keepgate.tasks.classify.inputs import is_table
from keepgate.tasks.classify.parameters import ClassifyColumns
from keepgate.tasks.common.parameters import columns_named


def test_a_table_has_the_column_of_ids_or_labels():
    columns = ClassifyColumns(id_column="who")
    assert is_table(pd.DataFrame({"who": [1], "a": [2]}), columns)
    assert is_table(pd.DataFrame({0: [1], "label": [2]}), columns)
    for other in (pd.DataFrame({"unique_id": [1]}), pd.DataFrame([[1, 2]]), np.ones((2, 2)), [np.ones(3)]):
        assert not is_table(other, columns)
    assert not is_table(Sequences([0], [np.ones((1, 1))], None, ["who"]), columns)


def test_columns_are_checked():
    assert columns_named(ClassifyColumns, {"channel_columns": ["a", "b"]}).channel_columns == ("a", "b")
    assert columns_named(ClassifyColumns, {}) == ClassifyColumns()
    with pytest.raises(InputError, match="id_column=3 is not of type str"):
        columns_named(ClassifyColumns, {"id_column": 3})
