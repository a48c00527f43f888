"""fit, predict, evaluate and transcribe of the transcriber: from files to lines, live, and with rows that are bad."""

import csv
import html
import io
import json
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from cli.files import refused
from keepgate.data.audio.files import read_audio, resample
from keepgate.tasks import face, face_class
from keepgate.tasks.transcribe.estimator import Transcriber

RATE = 4000
SMALL = {"hidden_size": 24, "num_layers": 1, "bands": 12, "augment": 0.0, "dropout": 0.0, "batch_size": 8}
FAST = ("--epochs", "1", "--hidden-size", "4", "--num-layers", "1", "--bands", "8", "--no-progress")
HERTZ = {"a": 400, "b": 900, "c": 1600}
SHAPES = {"l": [[0, 0], [0, 2]], "v": [[0, 2], [0.5, 0], [1, 2]], "n": [[0, 0], [0, 2], [1, 0], [1, 2]]}


def tones(text, seed=0):
    rng = np.random.default_rng(seed)
    pieces = [np.zeros(400)]
    for symbol in text:
        pieces += [np.sin(2 * np.pi * HERTZ[symbol] * np.arange(600) / RATE), np.zeros(400)]
    samples = np.concatenate(pieces)
    return (0.3 * samples + 0.003 * rng.normal(size=len(samples))).astype(np.float32)


def strokes(text):
    return [(np.array(SHAPES[c]) * 10 + [20 * i, 0]).tolist() for i, c in enumerate(text)]


def words(count, symbols, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(symbols), rng.integers(1, 4))) for _ in range(count)]


@pytest.fixture(scope="module")
def live_run(tmp_path_factory):
    """A model of tones that reads in one direction."""
    texts = words(120, HERTZ)
    model = Transcriber(**SMALL, bidirectional=False, epochs=12, stack=2, learning_rate=0.02, progress=False)
    model.fit([tones(text, i) for i, text in enumerate(texts)], texts, rate=RATE)
    face(model).bind_columns(model.Columns())
    model.save(folder := tmp_path_factory.mktemp("live"))
    return folder


@pytest.fixture
def recordings(tmp_path):
    """Three recordings, in no order of the alphabet."""
    texts = {"z.wav": "abc", "a.flac": "cab", "m.wav": "b"}
    for seed, (name, text) in enumerate(texts.items(), start=1000):
        soundfile.write(tmp_path / name, tones(text, seed), RATE)
    return {tmp_path / name: text for name, text in texts.items()}


@pytest.fixture
def ink(file):
    """A manifest of pen strokes."""
    return file("ink.jsonl", [json.dumps({"strokes": strokes(text), "text": text}) for text in words(24, SHAPES)])


@pytest.fixture
def ink_run(keepgate, ink, tmp_path):
    outcome = keepgate("fit", "transcribe", ink, "--valid", ink, "--out", tmp_path / "run", *FAST)
    assert (outcome.code, outcome.err) == (0, "")
    assert "commonest text" in outcome.out
    return tmp_path / "run"


def test_fit_leaves_a_report_with_ink_and_predict_and_evaluate_read_the_model(keepgate, ink, ink_run):
    page = (ink_run / "report.html").read_text()
    assert "Commonest mistakes on the held-out data" in page
    assert page.count("<svg") + page.count("data:image") >= 2
    assert not (ink_run / "skipped.csv").exists()
    rows = list(csv.DictReader(io.StringIO(keepgate("predict", ink_run, ink).out)))
    model, data = Transcriber.load(ink_run), face_class("transcribe").read(ink)
    assert [row["text_hat"] for row in rows] == model.predict(data)
    assert keepgate("evaluate", ink_run, ink).out.splitlines()[0].split()[:3] == ["model", "character", "error"]


def test_a_line_for_each_file_in_the_order_given(keepgate, live_run, recordings):
    outcome = keepgate("transcribe", live_run, *recordings)
    assert outcome.out == "".join(f"{path}\t{text}\n" for path, text in recordings.items())
    assert outcome.err == ""


def test_timestamps_are_json_lines_with_each_symbol(keepgate, live_run, recordings):
    outcome = keepgate("transcribe", live_run, *recordings, "--timestamps")
    for line, (path, text) in zip(outcome.out.splitlines(), recordings.items(), strict=True):
        found = json.loads(line)
        assert (found["path"], found["text"]) == (str(path), text)
        assert [one["symbol"] for one in found["symbols"]] == list(text)
        [word] = found["words"]
        assert word["word"] == text
        assert (word["begin"], word["end"]) == (found["symbols"][0]["begin"], found["symbols"][-1]["end"])
        for k, one in enumerate(found["symbols"]):
            assert abs(one["begin"] - (0.1 + 0.25 * k)) < 0.2
            assert one["begin"] < one["end"]
            assert 0 < one["confidence"] <= 1


@pytest.mark.parametrize("format", ["txt", "json", "tsv", "srt", "vtt", "TextGrid"])
def test_a_folder_gets_a_file_of_each_recording_and_a_suffix_names_the_format(
    keepgate, live_run, recordings, tmp_path, format
):
    outcome = keepgate("transcribe", live_run, *recordings, "--out", tmp_path / "texts", "--format", format)
    assert outcome == (0, "", "")
    assert {path.name for path in (tmp_path / "texts").iterdir()} == {f"{path.stem}.{format}" for path in recordings}
    for path, text in recordings.items():
        content = (tmp_path / "texts" / f"{path.stem}.{format}").read_text()
        assert text in content
        assert keepgate("transcribe", live_run, path, "--out", tmp_path / f"one.{format}") == (0, "", "")
        assert (tmp_path / f"one.{format}").read_text() == content
        if format != "txt":
            assert keepgate("transcribe", live_run, path, "--format", format).out == content


def test_a_bad_file_does_not_lose_the_others(keepgate, live_run, recordings, tmp_path):
    (tmp_path / "broken.wav").write_text("no sound")
    good = [f"{path}\t{text}\n" for path, text in recordings.items()]
    one, *rest = recordings
    outcome = keepgate("transcribe", live_run, "absent.wav", one, tmp_path / "broken.wav", *rest)
    assert (outcome.code, outcome.out) == (2, "".join(good))
    first, second, last = outcome.err.splitlines()
    assert first.startswith("keepgate transcribe: absent.wav cannot be read: No such file")
    assert second.startswith(f"keepgate transcribe: {tmp_path / 'broken.wav'} is no audio file")
    assert last == "keepgate transcribe: 2 inputs could not be used; each is named above"
    outcome = keepgate("transcribe", live_run, *recordings, "absent.wav", "--out", tmp_path / "texts")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert len(list((tmp_path / "texts").iterdir())) == 3


def test_a_bad_row_of_a_manifest_does_not_lose_the_others(keepgate, file, live_run, recordings):
    table = file("all.csv", ["path", "absent.wav", *(path.name for path in recordings)])
    outcome = keepgate("transcribe", live_run, table)
    assert (outcome.code, outcome.out) == (2, "".join(f"{path.name}\t{text}\n" for path, text in recordings.items()))
    assert outcome.err.startswith(f"keepgate transcribe: {table}, row 1 is left out: ")


def test_one_file_holds_one_recording(keepgate, file, live_run, recordings, tmp_path):
    words = "one .srt is of one recording, but there are 3; give --out FOLDER"
    refused(keepgate("transcribe", live_run, *recordings, "--format", "srt"), words)
    refused(keepgate("transcribe", live_run, *recordings, "--out", tmp_path / "x.srt"), words)
    table = file("all.csv", ["path", *(path.name for path in recordings)])
    refused(
        keepgate("transcribe", live_run, table, "--out", tmp_path / "x.srt"), f"but {table} has 3; give --out FOLDER"
    )
    assert not (tmp_path / "x.srt").exists()


def test_a_recording_on_standard_input_gets_the_times_of_its_words_too(keepgate, monkeypatch, live_run, recordings):
    path = next(iter(recordings))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    found = keepgate("transcribe", live_run, "-", "--format", "tsv")
    assert found == keepgate("transcribe", live_run, path, "--format", "tsv")


def test_rows_of_ink_are_written_by_their_numbers(keepgate, ink, ink_run, tmp_path):
    assert keepgate("transcribe", ink_run, ink, "--out", tmp_path / "texts").code == 0
    assert {path.name for path in (tmp_path / "texts").iterdir()} == {f"ink-{k}.txt" for k in range(1, 25)}
    refused(
        keepgate("transcribe", ink_run, ink, "--format", "vtt", "--out", tmp_path / "none"), "ink has no times for .vtt"
    )


def test_another_rate_is_resampled_to_the_model_s(keepgate, live_run, tmp_path):
    path = tmp_path / "fast.wav"
    soundfile.write(path, np.repeat(tones("ab"), 2), 2 * RATE)
    assert keepgate("transcribe", live_run, path).out == f"{path}\tab\n"


def test_ink_is_read_from_inkml_and_from_each_row_of_a_manifest(keepgate, ink, ink_run, tmp_path):
    traces = ["<trace>" + ", ".join(f"{x} {-y}" for x, y in stroke) + "</trace>" for stroke in strokes("lvn")]
    path = tmp_path / "a.inkml"
    path.write_text(f"<ink>{''.join(traces)}</ink>")
    model = Transcriber.load(ink_run)
    outcome = keepgate("transcribe", ink_run, path, ink)
    texts = model.predict([strokes("lvn")]) + model.predict(face_class("transcribe").read(ink))
    names = [str(path), *(f"{ink}, row {k}" for k in range(1, 25))]
    assert outcome.out == "".join(f"{name}\t{text}\n" for name, text in zip(names, texts, strict=True))


def test_a_word_list_allows_its_words_alone(keepgate, file, live_run, recordings):
    listed = file("words.txt", ["abb", "cab", "xylophone"])
    flags = ("--language-model", listed, "--language", "words")
    outcome = keepgate("transcribe", live_run, *recordings, *flags)
    found = dict(line.split("\t") for line in outcome.out.splitlines())
    assert found == dict(zip(map(str, recordings), ["abb", "cab", "abb"], strict=True))
    table = file("all.csv", ["path,text", *(f"{path},{text}" for path, text in recordings.items())])
    rows = list(csv.DictReader(io.StringIO(keepgate("predict", live_run, table, *flags).out)))
    assert [row["text_hat"] for row in rows] == ["abb", "cab", "abb"]
    assert " 0 " in keepgate("evaluate", live_run, table).out.splitlines()[1]
    assert " 0 " not in keepgate("evaluate", live_run, table, *flags).out.splitlines()[1]


class Microphone:
    """Standard input that gives a few samples at a time and notes what was printed before each."""

    def __init__(self, data, capsys):
        self.data, self.capsys, self.printed, self.out = io.BytesIO(data), capsys, [], ""

    def read(self, size=-1):
        return self.data.read(size)

    def read1(self, size=-1):
        self.out += self.capsys.readouterr().out
        self.printed.append(self.out)
        return self.data.read(101)


def listen(keepgate, monkeypatch, data, *arguments):
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=data))
    return keepgate("transcribe", *arguments, "-")


def test_a_live_stream_appears_as_it_is_heard_and_ends_as_the_file_does(
    keepgate, monkeypatch, capsys, live_run, tmp_path
):
    samples = tones("abcacbba", seed=7)
    path = tmp_path / "long.wav"
    soundfile.write(path, samples, RATE, subtype="PCM_16")
    raw = (read_audio(path)[0] * 32768).astype("<i2").tobytes()
    whole = Transcriber.load(live_run).predict([read_audio(path)[0]], RATE)[0]
    assert whole == "abcacbba"
    microphone = Microphone(raw, capsys)
    last = listen(keepgate, monkeypatch, microphone, live_run)
    assert microphone.out + last.out == whole + "\n"
    assert microphone.printed[len(microphone.printed) // 2] in ("abc", "abca", "abcac")  # of eight, half way
    assert listen(keepgate, monkeypatch, io.BytesIO(path.read_bytes()), live_run).out == whole + "\n"
    fast = (resample(samples, RATE, 2 * RATE) * 32768).astype("<i2").tobytes()
    assert listen(keepgate, monkeypatch, io.BytesIO(fast), live_run, "--rate", 2 * RATE).out == whole + "\n"


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3"])
def test_standard_input_is_the_file_that_it_begins_as(keepgate, monkeypatch, live_run, tmp_path, format):
    path = tmp_path / "sound"
    soundfile.write(path, resample(tones("abcacb"), RATE, 8000), 8000, format=format)
    assert listen(keepgate, monkeypatch, io.BytesIO(path.read_bytes()), live_run).out == "abcacb\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    [row] = csv.DictReader(io.StringIO(keepgate("predict", live_run, "-").out))
    assert (row["path"], row["text_hat"]) == ("-", "abcacb")


def test_standard_input_that_is_no_recording_is_never_transcribed(keepgate, monkeypatch, live_run):
    for data, words in {
        b"path,text\na.wav,b\n": "standard input is text and no recording; pipe a recording into it (WAV, FLAC",
        b"PK\3\4" + bytes(900): "standard input is no audio file",
    }.items():
        refused(listen(keepgate, monkeypatch, io.BytesIO(data), live_run), words)
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
        refused(keepgate("predict", live_run, "-"), words)


def test_fit_says_what_was_understood_of_the_data(keepgate, file, tmp_path, ink, sounds):
    outcome = keepgate("fit", "transcribe", file("train.csv", sounds), "--out", tmp_path / "run", *FAST)
    assert outcome.out.splitlines()[:3] == [
        "recordings: 2 of 0.6 to 0.6 s, 0.02 minutes in all, read at 4000 Hz; no sessions",
        "texts: 2 different ones of 2 to 2 characters; left out: 0",
        "symbols: 2 characters, 'a', 'b'",
    ]
    outcome = keepgate("fit", "transcribe", ink, "--out", tmp_path / "ink", *FAST)
    lines = outcome.out.splitlines()[:3]
    assert lines[0] == "handwriting: 24 utterances of 2 to 11 points of the pen; no sessions"
    assert ". ".join(lines) in html.unescape((tmp_path / "ink" / "report.html").read_text())


@pytest.mark.parametrize("stack", [1, 3])
@pytest.mark.parametrize("symbols", ["characters", "words"])
def test_whatever_the_network_says_live_is_as_offline(symbols, stack):
    texts = [text if symbols == "characters" else " ".join(text) for text in words(8, HERTZ)]
    X = [tones(text.replace(" ", ""), i) for i, text in enumerate(texts)]
    model = Transcriber(**SMALL, bidirectional=False, stack=stack, symbols=symbols, epochs=1, progress=False)
    model.fit(X, texts, rate=RATE)
    model.network_.output.weight.data *= 30  # many symbols, wherever they come from
    for samples in X:
        live = model.live()
        pieces = [live.feed(piece) for piece in np.array_split(samples, 17)] + [live.finish()]
        assert "".join(pieces) == model.predict([samples], RATE)[0]
    assert any(len(text) > 5 for text in model.predict(X, RATE))


def test_what_cannot_be_heard_live_is_refused(keepgate, monkeypatch, file, live_run, ink_run):
    sound = lambda: io.BytesIO(b"\0\1" * 999)  # noqa: E731
    refused(listen(keepgate, monkeypatch, sound(), ink_run), "fitted to ink")
    refused(listen(keepgate, monkeypatch, sound(), live_run, "--beam", 4), "leave out the beam")
    refused(listen(keepgate, monkeypatch, sound(), live_run, "--rate", 8000, "--timestamps"), "--rate 8000 is of bare")
    refused(listen(keepgate, monkeypatch, sound(), live_run, "a.wav"), "transcribed alone")
    refused(listen(keepgate, monkeypatch, sound(), live_run, "--rate", 0), "--rate 0")
    outcome = listen(keepgate, monkeypatch, io.BytesIO(b""), live_run)
    assert (outcome.code, outcome.err) == (
        2, "keepgate transcribe: standard input has no samples; pipe a recording into it (WAV, FLAC, OGG, MP3, ...)\n",
    )  # fmt: skip
    both = Transcriber(**SMALL, epochs=1, progress=False).fit([tones("ab")], ["ab"], rate=RATE)
    both.save(live_run.parent / "both")
    refused(listen(keepgate, monkeypatch, sound(), live_run.parent / "both"), "--no-bidirectional")


def test_files_that_cannot_be_transcribed_are_refused(keepgate, file, live_run, ink_run, recordings):
    refused(keepgate("transcribe", live_run, "absent.wav"), "absent.wav cannot be read: No such file")
    refused(keepgate("transcribe", ink_run, next(iter(recordings))), "are audio where the model was fitted to ink")
    refused(
        keepgate("transcribe", live_run, "x.wav", "--language-model", "absent.txt"),
        "absent.txt cannot be read: No such file",
    )
    refused(keepgate("transcribe", live_run, "x.wav", "--rate", "8000"), "of bare samples on standard input")


def test_options_of_decoding_are_refused_where_nothing_is_decoded(keepgate, file, run):
    refused(keepgate("predict", run, "new.csv", "--beam", "4"), "for models of transcribe", "one of classify")


# Bad rows, each in a manifest beside good ones

BAD_SOUNDS = {
    "none.wav,ab": "none.wav cannot be read: No such file",
    "silent.wav,ab": "is silent throughout",
    "fast.wav,ab": "fast.wav has 8000 Hz, but row 1 4000 Hz",
    "good.wav,": "the text in column 'text' is empty",
    ",ab": "the path in column 'path' is empty",
    "day.wav,ab": "lasts 10.0 hours",
    "text.wav,ab": "is no audio file",
    "good.wav,abcabcabcabcabcabcabcabcabcabcabcabc": "its text takes 36 steps, but it has",
}
BAD_INK = {
    '{"strokes": [[[1, 1]]], "text": "l"}': "the ink is a single point",
    '{"strokes": [[[1, 1], [2]]], "text": "l"}': "strokes are lists of points",
    '{"text": "l"}': "there is no column 'path'",
    json.dumps({"strokes": strokes("l"), "text": "lvnlvnlvnlvnlvn"}): "its text takes 15 steps, but it has",
}


@pytest.fixture
def sounds(tmp_path):
    soundfile.write(tmp_path / "good.wav", tones("ab"), RATE)
    soundfile.write(tmp_path / "fast.wav", tones("ab"), 2 * RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(tmp_path / "day.wav", np.zeros(36_000 * 100, dtype=np.int16), 100)
    (tmp_path / "text.wav").write_text("hello")
    return ["path,text", "good.wav,ab", "good.wav,ba"]


@pytest.mark.parametrize("row", BAD_SOUNDS)
def test_a_bad_recording_is_named_by_file_and_row(keepgate, file, tmp_path, sounds, row):
    path = file("train.csv", [*sounds, row])
    refused(keepgate("fit", "transcribe", path, "--out", tmp_path / "run", *FAST), f"{path}, row 3: ", BAD_SOUNDS[row])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("row", BAD_INK)
def test_bad_ink_is_named_by_file_and_row(keepgate, file, tmp_path, row):
    good = [json.dumps({"strokes": strokes(text), "text": text}) for text in ("lv", "vn")]
    path = file("train.jsonl", [*good, row])
    refused(keepgate("fit", "transcribe", path, "--out", tmp_path / "run", *FAST), f"{path}, row 3: ", BAD_INK[row])
    assert not (tmp_path / "run").exists()


def test_the_good_rows_train_and_the_others_are_listed(keepgate, file, tmp_path, sounds):
    train = file("train.csv", [*sounds, *BAD_SOUNDS])
    valid = file("valid.csv", [*sounds, "good.wav,xa", "good.wav,"])
    run = tmp_path / "run"
    outcome = keepgate("fit", "transcribe", train, "--valid", valid, "--out", run, *FAST, "--skip-bad")
    assert outcome.code == 0
    with open(run / "skipped.csv", newline="") as lines:
        listed = list(csv.DictReader(lines))
    expected = [(str(train), str(k)) for k in range(3, 11)] + [(str(valid), "3"), (str(valid), "4")]
    assert sorted((row["file"], row["row"]) for row in listed) == sorted(expected)
    reasons = {(row["file"], row["row"]): row["reason"] for row in listed}
    for k, reason in enumerate(BAD_SOUNDS.values(), start=3):
        assert reason in reasons[str(train), str(k)]
    assert "the symbol 'x' was never seen" in reasons[str(valid), "3"]
    assert f"10 rows left out: {run / 'skipped.csv'}" in outcome.out
    told = keepgate("evaluate", run, valid).err.splitlines()
    assert told == [
        f"keepgate evaluate: {valid}, row 4 is left out: the text in column 'text' is empty",
        f"keepgate evaluate: {valid}, row 3: the symbol 'x' was never seen in the training data, "
        "so it counts as a mistake",
    ]


def test_a_held_out_symbol_that_was_never_seen_is_named_by_file_and_row(keepgate, file, tmp_path, sounds):
    train, valid = file("train.csv", sounds), file("valid.csv", [*sounds, "good.wav,xa"])
    outcome = keepgate("fit", "transcribe", train, "--valid", valid, "--out", tmp_path / "run", *FAST)
    refused(outcome, f"{valid}, row 3: the symbol 'x' was never seen in the training data")
    assert not (tmp_path / "run").exists()


def test_a_file_without_any_good_row_is_refused(keepgate, file, tmp_path, sounds):
    path = file("train.csv", [sounds[0], *list(BAD_SOUNDS)[:2]])
    refused(
        keepgate("fit", "transcribe", path, "--out", tmp_path / "run", "--skip-bad", *FAST), "no row that can be used"
    )
