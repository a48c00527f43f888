"""What the command line shows of a translator."""

from __future__ import annotations

import numpy as np

from keepgate.data.text.pairs import Pairs
from keepgate.tasks import face
from keepgate.tasks.translate.figures import attention_figure
from keepgate.tasks.translate.scores import signatures


def test_evaluation_is_beside_what_needs_no_training(fitted):
    rows = {
        row["model"]: row
        for row in face(fitted).evaluate(Pairs(["one two three four", "zwei"], ["one two three four", "two"]))
    }
    assert set(rows) == {"lstm", "source itself", "commonest target"}
    assert rows["source itself"]["BLEU"] > rows["commonest target"]["BLEU"]
    assert signatures(False)["BLEU"].startswith("nrefs:1|case:mixed")
    assert signatures(True)["BLEU"].startswith("nrefs:1|case:lc")


def test_the_report_draws_attention(data, fitted):
    found = fitted.translate(data[0][:1])[0][0]
    axes = attention_figure(found).axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), found.weights)
    assert len(axes.get_xticklabels()) == len(found.source_pieces)
    assert len(axes.get_yticklabels()) == len(found.pieces) + 1
    sections = face(fitted).report(Pairs(*data), None)
    assert "nrefs:1" in sections[0].text
    assert "= " + data[1][0] in sections[1].listing
    assert len([section for section in sections if section.figure is not None]) == 4
