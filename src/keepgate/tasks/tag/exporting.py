"""How a tagger says in ONNX what it reads and gives."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from keepgate.tasks.tag.language import text_inputs

if TYPE_CHECKING:
    from keepgate.export.graph import Graph

__all__ = ["emit"]


def emit(model: Any, graph: Graph) -> None:
    """Emit what is between numbers of tokens, or frames, and tags; see `keepgate.export.onnx`."""
    graph.metadata["tags"] = json.dumps(model.tags_)
    lengths = {"lengths": ("lengths", "tokens or frames of each sequence, 1 to T, [B]")}
    inputs = lengths | (_words(model, graph) if model.vocabulary_ else _frames(model))
    outputs = {}
    for k, (prefix, column) in enumerate(zip(model.network_.heads, model.tag_columns_, strict=True)):
        end = f"_{k}" if k else ""
        if k:
            graph.metadata[f"tags{end}"] = json.dumps(column.tags)
        if column.crf:
            path = "numbers of the tags of the most probable path, -1 past a length, [B, T]"
            outputs[f"{prefix}crf"] = (f"tags{end}", path)
        name = "crf.marginals" if column.crf else "probabilities"
        text = f"of the tags{end} in the metadata's order, [B, T, {len(column.tags)}]"
        outputs[f"{prefix}{name}"] = (f"probabilities{end}", text)
    model.emit_network(graph, inputs, outputs)


def _words(model: Any, graph: Graph) -> dict[str, tuple[str, str]]:
    """Return the inputs by which tokens enter, and put into the metadata how they are numbered."""
    graph.metadata |= {name: json.dumps(known) for name, known in asdict(model.vocabulary_).items()}
    words = "numbers of the words (the metadata's count from 2; 1: unknown, 0: padding), [B, T]"
    inputs = {
        "words": ("words", words),
        "forms": ("forms", "different tokens by the numbers of their characters, counted alike, [U, L]"),
        "form_lengths": ("form_lengths", "characters of each of these, [U]"),
        "places": ("places", "which of them stands where, [B, T]"),
    }
    if model.vectors_:
        graph.metadata["vectors"] = json.dumps(model.vectors_.words)
        inputs["vectors"] = ("vectors", "numbers of the words in the metadata's vectors, counted alike, [B, T]")
    if model.languages_:
        graph.metadata["languages"] = json.dumps([language.tokens.to_json() for language in model.languages_])
        inputs |= text_inputs(model.languages_)
    return inputs


def _frames(model: Any) -> dict[str, tuple[str, str]]:
    return {"frames": ("input", f"frames as they are in the data, padded at the end, [B, T, {model.n_features_in_}]")}
