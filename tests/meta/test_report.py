from __future__ import annotations

from keepgate.meta import MetaLearner


def test_the_report_has_the_curve_the_cell_and_for_classes_instances(tmp_path):
    learner = MetaLearner(hidden_size=4, epochs=1, functions=64, shown=6, progress=False).fit("boolean")
    learner.save(tmp_path / "model")
    for name, model in (("fitted", learner), ("loaded", MetaLearner.load(tmp_path / "model"))):
        model.report(tmp_path / f"{name}.html")
        page = (tmp_path / f"{name}.html").read_text()
        for text in (
            "learning to learn: boolean",
            "nearest neighbour",
            "Right answers at an example of a class",
            "<svg",
        ):
            assert text in page
        assert ("Learning curve" in page) == (name == "fitted")
