"""The networks of all tasks, whole, on every interpreter, against torch in float64; and in pieces, as streams."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from conformance.interpreters import INTERPRETERS, reference
from keepgate import cells, networks
from keepgate.errors import InputError
from keepgate.networks import INT64, Network, Recurrent
from keepgate.runtime import Runner, Stream
from keepgate.tasks.classify.network import classifier, series, symbols
from keepgate.tasks.embed.network import autoencoder
from keepgate.tasks.forecast.network import Sizes, forecaster
from keepgate.tasks.regress.network import regressor
from keepgate.tasks.tag.network import frame_encoder, tagger, token_encoder
from keepgate.tasks.transcribe.network import transcriber
from keepgate.tasks.translate.network import translator
from keepgate.tasks.write.network import language
from keepgate.testing.tolerances import TOLERANCE, error

LSTM, GRU = (cells.get(name).equations for name in ("lstm", "layer_norm(gru)"))
SYMBOLS = 5
COUNTS = np.array([3, 50, 20, 9, 1])
BOTH = Recurrent(LSTM, 3, 4, 2, bidirectional=True)
ONWARD = Recurrent(LSTM, 6, 4, 2)
SIZES = {"batch": 3, "time": 7, "places": 6, "forms": SYMBOLS, "letters": 4}

NETWORKS: dict[str, Network] = {
    "classify": classifier(BOTH, series(3, 0.5), 3, dropout=0.5),
    "forecast": forecaster(Recurrent(GRU, 4, 4, bidirectional=True), Sizes(7, 2, 2, 3, 2), 0.2),
    "forecast, with what is known ahead": forecaster(
        Recurrent(LSTM, 4, 4),
        Sizes(7, 2, 2, 3, 2, known=2, ahead=4, attributes=(SYMBOLS, SYMBOLS), calibrated=True),
        0.2,
    ),
    "transcribe": transcriber(Recurrent(LSTM, 6, 4), 3, 4, stack=2, dropout=0.3, centred=True),
    "transcribe as it comes": transcriber(ONWARD, 3, 4, stack=2, dropout=0.3, centred=False),
    "tag tokens": tagger(
        token_encoder(SYMBOLS, SYMBOLS, 3, Recurrent(LSTM, 2, 2, bidirectional=True), 0.2),
        Recurrent(LSTM, 7, 4, bidirectional=True),
        3,
        0.5,
        networks.Crf(3),
    ),
    "tag frames": tagger(frame_encoder(3), BOTH, 4, 0.5, networks.Softmax()),
    "regress": regressor(BOTH, 3, 6, noise=0.5, dropout=0.5),
    "segment": tagger(frame_encoder(3, centred=True), BOTH, 2, 0.2, networks.Activation("sigmoid")),
    "classify texts": classifier(BOTH, symbols(SYMBOLS, 3, 0.1, 0.2), 3, dropout=0.5),
    "ensemble of classify": networks.ensemble(
        classifier(BOTH, series(3, 0.5), 3, dropout=0.5), 3, {"output": networks.Average(True)}
    ),
    "ensemble of transcribe as it comes": networks.ensemble(
        transcriber(ONWARD, 3, 4, stack=2, dropout=0.3, centred=False), 2, {"output": networks.Average(True)}
    ),
    "ensemble of tag tokens": networks.ensemble(
        tagger(
            token_encoder(SYMBOLS, SYMBOLS, 3, Recurrent(LSTM, 2, 2, bidirectional=True), 0.2),
            *(Recurrent(LSTM, 7, 4), 3, 0.5, networks.Crf(3)),
        ),
        *(2, {"output": networks.Average()}),
    ),
    "embed": autoencoder(BOTH, Recurrent(LSTM, 2, 4, 2), noise=0.2),
    "language, tied": language(Recurrent(GRU, 4, 4, time_first=True), COUNTS, (0.1, 0.2), tied=True, adaptive=False),
    "language, adaptive": language(
        Recurrent(LSTM, 3, 16, 2, time_first=True, shared=True), COUNTS, (0.1, 0.2), tied=False, adaptive=True
    ),
    "translate": translator(
        [Recurrent(LSTM, 3, 2, bidirectional=True), Recurrent(LSTM, 4, 4)],
        [Recurrent(LSTM, 3, 4), Recurrent(LSTM, 8, 4)],
        (SYMBOLS, SYMBOLS),
        shared=True,
        dropout=0.3,
    ),
}


def arrays(network: Network, seed: int, optional: bool = True):
    """Tensors in float64, and inputs: lengths from 1 to the longest, symbols, and numbers."""
    random = np.random.default_rng(seed)
    tensors = {name: 0.5 * random.normal(size=p.shape) for name, p in network.parameters().items()}
    tensors |= {name: np.abs(value) + 0.5 for name, value in tensors.items() if name.endswith("scale")}
    for step in network.steps:
        if step.copied:
            shared = [f".{name}" for name in step.block.parameters()]
            tensors |= {f"{step.name}{name}": tensors[f"{step.prefix}{name}"] for name in shared}
    longest = {"lengths": "time", "form_lengths": "letters", "source_lengths": "places"}
    given = {}
    for one in network.inputs:
        shape = [SIZES.get(axis, axis) for axis in one.value.shape]
        if one.name in longest:
            given[one.name] = random.integers(1, SIZES[longest[one.name]] + 1, shape)
            given[one.name][0] = SIZES[longest[one.name]]
        elif one.value.dtype == INT64:
            given[one.name] = random.integers(0, SYMBOLS, shape)
        elif optional or not one.optional:
            given[one.name] = random.normal(size=shape)
    return tensors, given


@pytest.mark.parametrize("interpreter", INTERPRETERS)
@pytest.mark.parametrize("states", [False, True], ids=["from zero", "from states"])
@pytest.mark.parametrize("name", NETWORKS)
def test_network(name: str, states: bool, interpreter: str):
    network, (run, dtype) = NETWORKS[name], INTERPRETERS[interpreter]
    for seed in range(3):
        tensors, given = arrays(network, seed, states)
        wanted = network.outputs
        for value, a, b in zip(
            wanted, run(network, tensors, given, wanted), reference(network, tensors, given, wanted), strict=True
        ):
            inside = _meant(name, value, a, given)
            assert error(*(torch.from_numpy(np.where(inside, part, 0)) for part in (a, b))) <= TOLERANCE[dtype], value


def _meant(name: str, value: str, array: np.ndarray, given) -> np.ndarray:
    """Where a result means something: within its row's length."""
    name = name.removeprefix("ensemble of ")
    if name not in ("transcribe", "transcribe as it comes", "segment", "tag frames", "embed") or array.ndim != 3:
        return np.ones(array.shape, bool)
    lengths = -(-given["lengths"] // 2) if name.startswith("transcribe") else given["lengths"]
    return np.broadcast_to((np.arange(array.shape[1]) < lengths[:, None])[..., None], array.shape)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_goes_to_json_and_back(name: str):
    text = json.dumps(NETWORKS[name].to_json())
    again = Network.from_json(json.loads(text))
    assert json.dumps(again.to_json()) == text
    assert again.parameters() == NETWORKS[name].parameters()


@pytest.mark.parametrize("name", ["transcribe as it comes", "ensemble of transcribe as it comes"])
@pytest.mark.parametrize("pieces", [[1] * 13, [5, 0, 1, 7], [13]])
def test_a_stream_says_in_pieces_what_is_said_of_the_whole(name: str, pieces: list[int]):
    network = NETWORKS[name]
    tensors, _ = arrays(network, 0)
    runner = Runner(network, tensors)
    frames = np.random.default_rng(1).normal(size=(2, 13, 3))
    whole = runner.run({"frames": frames, "lengths": [13, 13]}, "output")
    stream, found, at = Stream(runner, "frames", "output", batch=2), [], 0
    for count in pieces:
        found.append(stream.feed(frames[:, at : at + count]))
        at += count
    found.append(stream.finish(frames[:, at:]))
    np.testing.assert_allclose(np.concatenate(found, 1), whole, atol=1e-12)


@pytest.mark.parametrize("name", ["classify", "transcribe", "tag frames", "embed"])
def test_what_needs_the_future_is_no_stream(name: str):
    network = NETWORKS[name]
    runner = Runner(network, arrays(network, 0)[0])
    with pytest.raises(InputError, match="cannot be streamed"):
        Stream(runner, network.inputs[0].name, network.outputs[0])
