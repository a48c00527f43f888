"""State carried through a session: what is learned by it, and that it is the whole session's."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from keepgate import Tagger, Transcriber
from keepgate.data.recordings.manifest import Utterances
from keepgate.data.text.sentences import Sentences
from keepgate.errors import InputError
from keepgate.nn import Recurrent
from keepgate.tasks.common.sessions import Sessions, carried, loss_of_turns
from keepgate.tasks.tag.examples import FrameExamples
from keepgate.tasks.transcribe.examples import UtteranceExamples
from keepgate.training import Settings, train


def dialogues(count, seed=0):
    """Sessions of 2 to 5 utterances of two frames; the first's tag is the sign of the first one before."""
    rng = np.random.default_rng(seed)
    tokens, tags, groups = [], [], []
    for session in range(count):
        before = "none"
        for _ in range(rng.integers(2, 6)):
            sign = rng.choice([-1.0, 1.0])
            tokens.append(np.array([[sign], [0.0]]))
            tags.append([before, "O"])
            groups.append(f"d{session}")
            before = "left" if sign < 0 else "right"
    return Sentences(tokens, tags, groups)


def shuffled(data, seed=0):
    """The same sessions with their utterances among each other's."""
    rng = np.random.default_rng(seed)
    places = {name: iter([i for i, group in enumerate(data.groups) if group == name]) for name in set(data.groups)}
    rows = [next(places[name]) for name in rng.permutation(data.groups)]
    return Sentences(*([part[i] for i in rows] for part in (data.tokens, data.tags, data.groups)))


def right(tagger, data):
    """The share of right tags of first frames, of utterances that have one before them."""
    pairs = [(a[0], b[0]) for a, b in zip(tagger.predict(data), data.tags, strict=True) if b[0] != "none"]
    return np.mean([a == b for a, b in pairs])


@pytest.mark.parametrize("bidirectional", [False, True])
def test_what_the_utterance_before_said_is_known(bidirectional):
    options = {"hidden_size": 16, "epochs": 15, "batch_size": 8, "learning_rate": 0.03, "dropout": 0.0}
    options |= {"bidirectional": bidirectional}
    data, test = dialogues(200), shuffled(dialogues(50, seed=1))
    tagger = Tagger(**options).fit(data)
    assert right(tagger, test) > 0.95
    alone = Sentences(test.tokens, test.tags)
    assert right(tagger, alone) < 0.6  # without its session an utterance has no way of knowing
    anew = Tagger(**options).fit(Sentences(data.tokens, data.tags))
    assert right(anew, test) < 0.6


@pytest.fixture(scope="module")
def frames():
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(n, 2)) for n in (4, 3, 6, 2, 5)]
    return X, [rng.choice(["a", "b"], len(x)).tolist() for x in X]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_in_one_direction_it_is_the_state_of_the_whole_session(cell, frames):
    X, y = frames
    groups = ["p", "q", "p", "p", "q"]
    tagger = Tagger(cell=cell, hidden_size=5, num_layers=2, bidirectional=False, epochs=1).fit(X, y)
    network, examples = tagger.network_, Sessions(FrameExamples(X), groups)
    batch = examples.batch(np.array([1, 0]))
    assert batch == [[0, 2, 3], [1, 4]]  # the longest session first
    whole = {name: np.concatenate([x for x, g in zip(X, groups, strict=True) if g == name]) for name in "pq"}
    expected = {name: network(*FrameExamples([x]).batch([0])[:2])[0] for name, x in whole.items()}
    found, state = {"p": [], "q": []}, None
    for step in range(3):
        x, lengths, _ = examples.turn(batch, step)
        scores, state = network.scan(x, lengths, state)
        for name, row, n in zip("pq", scores, lengths.tolist(), strict=False):
            found[name].append(row[:n])
    for name in "pq":
        torch.testing.assert_close(torch.cat(found[name]), expected[name])


def test_the_other_direction_begins_anew():
    recurrent = Recurrent("lstm", 2, 3, num_layers=2, bidirectional=True, state_batch_first=True)
    _, state = recurrent(torch.randn(4, 5, 2))
    h, c = carried(2, state, 2)
    for now, before in ((h, state[0]), (c, state[1])):
        torch.testing.assert_close(now[:, [0, 2]], before[:2, [0, 2]])
        assert not now[:, [1, 3]].any()
    assert carried(2, None, 2) is None


def test_training_goes_back_over_the_turns_of_a_window(frames):
    """Two sessions, by hand: a step of gradient descent for turns 1 and 2, one for turn 3 with the state cut off."""
    X, y = frames
    groups = ["p", "q", "p", "p", "q"]
    options = {"hidden_size": 3, "dropout": 0.0, "bidirectional": False, "optimizer": "sgd", "weight_decay": 0.0}
    options |= {"epochs": 1, "schedule": "constant", "warmup": 0.0, "clip_norm": None, "learning_rate": 0.1}
    first = Tagger(**{**options, "learning_rate": 1e-30}).fit(X, y)
    examples = first._examples(X, {"tag": y})
    data = Sessions(examples, groups)
    network, state = first.network_.train(), None
    momentum = {name: torch.zeros_like(p) for name, p in network.named_parameters()}
    for turns in ([[0, 1], [2, 4]], [[3]]):
        state = state and tuple(part.detach() for part in state)
        total, count = 0, sum(len(X[i]) for rows in turns for i in rows)
        for rows in turns:
            x, lengths, targets = examples.batch(rows)
            scores, state = network.scan(x, lengths, state)
            picked = scores.log_softmax(-1).gather(2, targets.clamp(min=0)[:, :, None])[:, :, 0]
            total = total - picked[targets >= 0].sum()
        network.zero_grad()
        (total / count).backward()
        with torch.no_grad():
            for name, p in network.named_parameters():
                momentum[name] = 0.9 * momentum[name] + p.grad
                p -= 0.1 * momentum[name]
    second = Tagger(**{**options, "learning_rate": 1e-30}).fit(X, y)
    settings = Settings(epochs=1, optimizer="sgd", learning_rate=0.1, clip_norm=None, window=2)
    train(second.network_, loss_of_turns, data, settings=settings, progress=False)
    for (name, a), b in zip(network.named_parameters(), second.network_.parameters(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_a_model_file_carries_on(tmp_path):
    data = dialogues(10)
    tagger = Tagger(hidden_size=4, epochs=1).fit(data, valid=dialogues(3, seed=1))
    tagger.save(tmp_path)
    again = Tagger.load(tmp_path)
    for a, b in zip(again.predict_proba(data), tagger.predict_proba(data), strict=True):
        np.testing.assert_array_equal(a, b)
    alone = again.predict_proba(Sentences(data.tokens, None))
    assert not np.allclose(alone[1], tagger.predict_proba(data)[1])


def test_other_sessions_are_other_data(frames):
    examples = FrameExamples(frames[0])
    assert Sessions(examples, list("ppqqq")).fingerprint() != Sessions(examples, list("pqqqq")).fingerprint()


def test_sessions_of_one_part_alone_are_refused():
    data = dialogues(4)
    with pytest.raises(InputError, match="only one has sessions"):
        Tagger(epochs=1).fit(data, valid=Sentences(data.tokens, data.tags))
    with pytest.raises(InputError, match="2 sessions are named for"):
        Tagger(epochs=1).fit(Sentences(data.tokens, data.tags, ["a", "b"]))


def test_of_recordings_too_it_is_the_state_of_the_whole_session():
    """Two utterances read one after the other and, by the same weights, as one."""
    rng = np.random.default_rng(0)
    X = [rng.normal(size=n).astype(np.float32) for n in (4000, 2400, 3200)]
    utterances = Utterances("audio", X, 4000, ["ab", "a", "b"], ["1", "2", "3"], ["p", "p", "q"])
    options = {"hidden_size": 4, "num_layers": 2, "bands": 6, "stack": 1, "augment": 0.0, "epochs": 1}
    transcriber = Transcriber(**options, bidirectional=False).fit(utterances)
    features = transcriber._frames(utterances)
    whole = UtteranceExamples([np.concatenate(features[:2]), features[2]])
    with torch.inference_mode():
        expected, _ = transcriber.network_(*whole.batch([0])[:2])
    found = torch.cat(transcriber.log_probs(utterances)[:2])
    torch.testing.assert_close(found, expected[0].log_softmax(-1), atol=1e-4, rtol=1e-4)
    alone = replace(utterances, groups=None)
    assert not torch.allclose(torch.cat(transcriber.log_probs(alone)[:2]), found)
    with pytest.raises(InputError, match="only one has sessions"):
        transcriber.fit(utterances, valid=alone)
