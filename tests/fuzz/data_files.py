"""Data files of every kind, small and healthy but for a few changes of their structure and their bytes.

Columns, rows, cells, keys and values are doubled, dropped, renamed, swapped, or replaced by odd ones; bytes are
flipped, cut, put in and repeated.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet
import soundfile

ODD_NUMBERS: list[Any] = [
    0, -1, 1, 1e308, -1e308, 1e-320, 1e30, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 0.1, float("nan"),
    float("inf"),
]  # fmt: skip
ODD_TEXTS = [
    "", " ", "a" * 5000, "ä", "\u202eabc", "\x1b[31mred\x1b[0m", "日本", "😀", "e\u0301", "\ufeff", "\u2028", "$x^{",
    "$$", "<script>alert(1)</script>",
    "=1+1", "nan", "inf", "-inf", "None", "true", "0", "-0", "1e999", "1_000", "0x10",
    "../../etc/passwd", "/dev/zero", ".", "..", "a,b", 'a"b', "a'b", "a\tb", "\\", "%s", "{}", "B-x", "I-x", "O", "_",
    "2024-02-30", "0000-00-00", "9999-12-31", "2024-01-01T00:00:00+14:00", "1", "\x00", "\x7f", "a\rb", "a\nb", "|",
]  # fmt: skip

ODD_LINES = [
    "[" * 2000 + "]" * 2000, '{"a":' * 3000 + "1" + "}" * 3000, "9" * 5000, '{"tokens": ["\\ud800"]}', "{}", "NaN",
    '{"strokes": [[[1, 1' + "0" * 400 + ']]], "text": "a"}', '"a"', "null", '{"source": "\\udfff", "target": "b"}',
    '{"path": "\\u0000.wav", "text": "a"}', '{"path": "' + "a" * 5000 + '", "text": "a"}',
]  # fmt: skip


class Healthy(random.Random):
    """Draws files without changes."""


def changes(random: random.Random, counts: list[int]) -> int:
    return 0 if isinstance(random, Healthy) else random.choice(counts)


def maybe(random: random.Random, share: float) -> bool:
    return not isinstance(random, Healthy) and random.random() < share


# What is healthy


def table(random: random.Random, task: str) -> dict[str, list[Any]]:
    numbers = np.random.default_rng(random.randrange(2**32))
    columns: dict[str, list[Any]] = {"unique_id": [], "ds": [], "a": [], "b": []}
    continued = task in ("evolino", "forecast")
    rows = 30 if continued else random.randint(3, 8)
    for series in range(2 if continued else 8):
        columns["unique_id"] += [f"s{series}"] * rows
        columns["ds"] += list(range(rows))
        for name in "ab":
            columns[name] += numbers.normal(size=rows).round(3).tolist()
    if continued:
        columns["y"] = columns.pop("a")
        kind = random.choice(["step", "datetime64[D]", "datetime64[ns]", "datetime64[us]", "text"])
        if kind != "step":
            days = np.datetime64("2024-01-01") + np.array(columns["ds"])
            columns["ds"] = days.astype(str).tolist() if kind == "text" else days.astype(kind)  # type: ignore[assignment]
    else:
        labels = (1.5, -2) if task == "regress" else ("up", "down")
        columns["label"] = [labels[int(name[1:]) % 2] for name in columns["unique_id"]]
    return columns


def ts(random: random.Random) -> list[list[str]]:
    head = [["@timeStamps false"], ["@dimensions 2"], ["@equalLength false"], ["@classLabel true up down"], ["@data"]]
    rows = []
    for i in range(8):
        steps = random.randint(3, 6)
        channels = [",".join(f"{random.gauss(0, 1):.2f}" for _ in range(steps)) for _ in range(2)]
        rows.append([*channels, ("up", "down")[i % 2]])
    return head + rows


WORDS = {"the": "DET", "a": "DET", "cat": "NOUN", "dog": "NOUN", "sleeps": "VERB", "barks": "VERB", "Paris": "B-LOC"}


def sentences(random: random.Random) -> list[list[tuple[str, str]]]:
    return [[random.choice([*WORDS.items()]) for _ in range(random.randint(1, 5))] for _ in range(8)]


def conll(random: random.Random, universal: bool) -> list[list[str]]:
    lines: list[list[str]] = []
    for sentence in sentences(random):
        lines.append(["# newdoc id = x"])
        for i, (word, tag) in enumerate(sentence, start=1):
            rest = [str(i), word, word, tag, tag, "_", "0", "root", "_", "_"] if universal else [word, tag]
            lines.append(rest)
        lines.append([""])
    return lines


def strokes(random: random.Random) -> list[list[list[float]]]:
    return [[[random.uniform(0, 9), random.uniform(0, 9)] for _ in range(8)] for _ in range(random.randint(1, 3))]


def inkml(given: list[list[list[float]]]) -> str:
    traces = "".join(f"<trace>{', '.join(f'{x:.2f} {y:.2f}' for x, y in one)}</trace>" for one in given)
    return f'<?xml version="1.0" encoding="UTF-8"?><ink xmlns="http://www.w3.org/2003/InkML">{traces}</ink>'


def sound(random: random.Random, kind: str, odd: bool) -> bytes:
    numbers = np.random.default_rng(random.randrange(2**32))
    rate, channels, count = 8000, random.choice([1, 2]), 3200
    samples = numbers.normal(scale=0.1, size=(count, channels))
    subtype = None
    if odd:
        match random.randrange(6):
            case 0:
                rate = random.choice([1, 50, 99, 100, 384_000, 400_000, 655_350 if kind == "flac" else 2**31 - 1])
            case 1:
                samples = samples[: random.choice([0, 1, 2, 79])]
            case 2:
                samples *= 0
            case 3 if kind == "wav":
                subtype, samples[random.randrange(count)] = "FLOAT", random.choice([np.nan, np.inf, 1e38])
            case 4:
                samples = np.repeat(samples[:, :1], 8, axis=1)
            case _:
                samples *= 1e5
    buffer = io.BytesIO()
    try:
        soundfile.write(buffer, samples, rate, format=kind.upper(), subtype=subtype)
    except soundfile.LibsndfileError:  # a rate that it will not write
        soundfile.write(buffer, samples, 8000, format=kind.upper(), subtype=subtype)
    return buffer.getvalue()


# Changes of structure


def odd(random: random.Random) -> Any:
    kinds = [random.choice(ODD_NUMBERS), random.choice(ODD_TEXTS), random.choice([None, True, [], {}, [1], {"a": 1}])]
    return random.choices(kinds, (3, 4, 1))[0]


def change_table(random: random.Random, columns: dict[str, list[Any]]) -> list[tuple[str, list[Any]]]:
    given = [(name, list(values)) for name, values in columns.items()]
    for _ in range(changes(random, [0, 1, 1, 1, 2])):
        if not given:
            break
        k = random.randrange(len(given))
        name, values = given[k]
        match random.randrange(12):
            case 0:
                given.append((name, values))
            case 1:
                del given[k]
            case 2:
                given[k] = (random.choice([*ODD_TEXTS, *columns]), values)
            case 3:
                random.shuffle(given)
            case 4:
                given[k] = (name, [str(value) for value in values])
            case 5 | 6 | 7 if values:
                values[random.randrange(len(values))] = odd(random)
            case 8:
                rows = random.choice([0, 1, 2, 5])
                given = [(n, v[:rows]) for n, v in given]
            case 9 if values:
                given[k] = (name, [odd(random)] * len(values))
            case 10:
                order = random.sample(range(len(values)), len(values))
                given = [(n, [v[i] for i in order] if len(v) == len(order) else v) for n, v in given]
            case 11:
                given.append((f"c{len(given)}", [odd(random) for _ in values]))
    return given


def change_lines(random: random.Random, lines: list[list[str]]) -> list[list[str]]:
    for _ in range(changes(random, [0, 1, 1, 1, 2])):
        if not lines:
            break
        i = random.randrange(len(lines))
        match random.randrange(8):
            case 0:
                lines.insert(i, list(lines[random.randrange(len(lines))]))
            case 1:
                del lines[i]
            case 2 | 3 | 4 if lines[i]:
                lines[i][random.randrange(len(lines[i]))] = str(odd(random))
            case 5:
                lines[i].append(random.choice(ODD_TEXTS))
            case 6 if lines[i]:
                lines[i].pop(random.randrange(len(lines[i])))
            case 7:
                lines = lines[:i]
    return lines


def change_json(random: random.Random, rows: list[Any]) -> list[Any]:
    for _ in range(changes(random, [0, 1, 1, 1, 2])):
        if not rows:
            break
        at: Any = rows
        while True:
            keys = list(at) if isinstance(at, dict) else list(range(len(at)))
            if not keys:
                break
            key = random.choice(keys)
            if not isinstance(at[key], (dict, list)) or random.random() < 0.3:
                match random.randrange(5):
                    case 0:
                        del at[key]
                    case 1 if isinstance(at, list):
                        at.append(at[key])
                    case 2 if isinstance(at, dict):
                        at[random.choice(ODD_TEXTS)] = at.pop(key)
                    case 3:
                        at[key] = [[[at[key]]]]
                    case _:
                        at[key] = odd(random)
                break
            at = at[key]
    return rows


def change_bytes(random: random.Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(changes(random, [0, 0, 0, 0, 0, 1, 2, 4])):
        i = random.randrange(len(found) + 1)
        match random.randrange(6):
            case 0 | 1 if found:
                found[i % len(found)] ^= 1 << random.randrange(8)
            case 2:
                found = found[:i]
            case 3:
                found[i:i] = random.choice(
                    [b"\0", b"\xff", b"\r", b"\n\n", b"\t", b"\xef\xbb\xbf", b",,,", b'"', b"\x1b[2J"]
                )
            case 4:
                found[i:i] = found[max(0, i - 50) : i] * random.choice([1, 3, 100])
            case 5 if found:
                found[i % len(found)] = random.choice([0, 0xFF, 0x7F, 0x80])
    return bytes(found)


# Files


def write_table(random: random.Random, name: str, given: list[tuple[str, list[Any]]]) -> bytes:
    buffer = io.BytesIO()
    if name.endswith(".csv"):
        ends = random.choice(["\n", "\n", "\n", "\r\n", "\r"])
        rows = [[n for n, _ in given], *zip(*(v for _, v in given), strict=False)]
        text = ends.join(",".join(str(cell) for cell in row) for row in rows) + ends
        codec = random.choice(["utf-8-sig", "utf-16", "latin-1"]) if maybe(random, 0.2) else "utf-8"
        return text.encode(codec, "replace")
    table = pa.Table.from_arrays([column(random, values) for _, values in given], [n for n, _ in given])
    if name.endswith(".parquet"):
        compression = random.choice(["none", "snappy", "zstd"])
        try:
            pyarrow.parquet.write_table(table, buffer, compression=compression)
        except pyarrow.ArrowNotImplementedError:  # such as objects without a field: no such file can be
            buffer = io.BytesIO()
            pyarrow.parquet.write_table(table.select([]), buffer, compression=compression)
    elif name.endswith(".feather"):
        with pa.ipc.new_file(buffer, table.schema, options=options(random)) as writer:
            writer.write_table(table, max_chunksize=random.choice([3, 1000]))
    else:
        with pa.ipc.new_stream(buffer, table.schema, options=options(random)) as writer:
            writer.write_table(table)
    return buffer.getvalue()


def options(random: random.Random) -> pa.ipc.IpcWriteOptions:
    return pa.ipc.IpcWriteOptions(compression=random.choice([None, "lz4", "zstd"]))


def column(random: random.Random, values: Any) -> pa.Array:
    """An Arrow array of values of any kinds, of one of the types that hold them."""
    try:
        array = pa.array(values)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        array = pa.array([str(value) for value in values])
    kinds = [pa.float32(), pa.float16(), pa.int8(), pa.uint64(), pa.decimal128(20, 3), pa.large_string(), pa.bool_()]
    kinds += [pa.dictionary(pa.int32(), pa.string()), pa.timestamp("s"), pa.timestamp("ns", "Asia/Tokyo"), pa.date32()]
    kinds += [pa.string_view(), pa.binary(), pa.time64("us"), pa.duration("s"), pa.null(), pa.list_(pa.float64())]
    if maybe(random, 0.15):
        with contextlib.suppress(pa.ArrowException):
            array = array.cast(random.choice(kinds))
    return array


def text(lines: list[list[str]], between: str, ends: str = "\n") -> bytes:
    return "".join(between.join(line) + ends for line in lines).encode("utf-8", "surrogatepass")


def jsonl(random: random.Random, rows: list[Any]) -> bytes:
    lines = [json.dumps(row, ensure_ascii=random.random() < 0.8) for row in rows]
    if maybe(random, 0.2) and lines:
        i = random.randrange(len(lines))
        lines[i] = random.choice([*ODD_LINES, lines[i][:-1], lines[i] * 2])
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def draw_table(random: random.Random, task: str) -> tuple[str, dict[str, bytes]]:
    name = "data" + random.choice([".csv", ".csv", ".parquet", ".arrow", ".feather"])
    return name, {name: write_table(random, name, change_table(random, table(random, task)))}


def draw_sequences(random: random.Random, task: str) -> tuple[str, dict[str, bytes]]:
    if random.random() < 0.75:
        return draw_table(random, task)
    lines = change_lines(random, ts(random))
    return "data.ts", {"data.ts": text(lines, ":", random.choice(["\n", "\r\n", "\r"]))}


def draw_sentences(random: random.Random, _: str) -> tuple[str, dict[str, bytes]]:
    kind = random.choice([".conll", ".conllu", ".jsonl"])
    if kind == ".jsonl":
        given = sentences(random)
        rows = [{"tokens": [word for word, _ in one], "tags": [tag for _, tag in one]} for one in given]
        return f"data{kind}", {f"data{kind}": jsonl(random, change_json(random, rows))}
    lines = change_lines(random, conll(random, kind == ".conllu"))
    return f"data{kind}", {f"data{kind}": text(lines, random.choice(["\t", "\t", " "]))}


def draw_pairs(random: random.Random, _: str) -> tuple[str, dict[str, bytes]]:
    words = ["ein", "Hund", "Haus", "a", "dog", "house"]
    pairs = [[" ".join(random.choices(words, k=random.randint(1, 4))) for _ in range(2)] for _ in range(8)]
    if random.random() < 0.5:
        return "data.tsv", {"data.tsv": text(change_lines(random, pairs), "\t")}
    rows = [{"source": source, "target": target} for source, target in pairs]
    return "data.jsonl", {"data.jsonl": jsonl(random, change_json(random, rows))}


def draw_text(random: random.Random, _: str) -> tuple[str, dict[str, bytes]]:
    lines = [[word for word, _ in sentence] for sentence in sentences(random)] * 8
    return "data.txt", {"data.txt": text(change_lines(random, lines), " ")}


def draw_utterances(random: random.Random, _: str) -> tuple[str, dict[str, bytes]]:
    texts = [random.choice(["ab", "ba", "a b"]) for _ in range(4)]
    if random.random() < 0.4:
        rows = [{"strokes": strokes(random), "text": one} for one in texts]
        return "data.jsonl", {"data.jsonl": jsonl(random, change_json(random, rows))}
    kind = random.choice(["wav", "flac", "inkml"])
    files = {}
    for i in range(4):
        changed = maybe(random, 0.2)
        content = inkml(strokes(random)).encode() if kind == "inkml" else sound(random, kind, changed)
        files[f"{i}.{kind}"] = change_bytes(random, content) if changed else content
    if kind == "inkml" and maybe(random, 0.3):
        codec = random.choice(["klingon", "shift_jis", "utf-16", "latin-1", "utf-7", "x" * 3000])
        files["0.inkml"] = files["0.inkml"].replace(b"UTF-8", codec.encode())
    rows = [[name, one] for name, one in zip(files, texts, strict=True)]
    return manifest(random, ["path", "text"], rows, files)


def draw_recordings(random: random.Random, _: str) -> tuple[str, dict[str, bytes]]:
    files: dict[str, bytes] = {}
    names = [f"{i}.{random.choice(['wav', 'flac'])}" for i in range(3)]
    for name in names:
        files[name] = sound(random, name[2:], maybe(random, 0.15))
    spans = [[0.05, 0.2, "speech"], [0.25, 0.35, random.choice(["speech", "noise"])]]
    if random.random() < 0.3:
        rows = [[name, *map(str, span)] for name in names for span in spans]
        return manifest(random, ["path", "start", "end", "label"], rows, files)
    kind = random.choice(["csv", "json", "txt"])
    for i in range(3):
        given = change_json(random, [dict(zip(("start", "end", "label"), span, strict=True)) for span in spans])
        given = [one for one in given if isinstance(one, dict)]
        lines = [[str(value) for value in one.values()] for one in given]
        match kind:
            case "csv":
                content = text([["start", "end", "label"], *lines], ",")
            case "txt":
                content = text(lines, "\t")
            case _:
                content = json.dumps(given).encode()
        files[f"{i}.{kind}"] = change_bytes(random, content)
    return manifest(random, ["path", "segments"], [[n, f"{i}.{kind}"] for i, n in enumerate(names)], files)


def manifest(
    random: random.Random, names: list[str], rows: list[list[str]], files: dict[str, bytes]
) -> tuple[str, dict[str, bytes]]:
    if random.random() < 0.3:
        given = [dict(zip(names, row, strict=True)) for row in rows]
        return "data.jsonl", {"data.jsonl": jsonl(random, change_json(random, given)), **files}
    return "data.csv", {"data.csv": text(change_lines(random, [names, *rows]), ","), **files}


TASKS: dict[str, Callable[[random.Random, str], tuple[str, dict[str, bytes]]]] = {
    "classify": draw_sequences,
    "regress": draw_sequences,
    "embed": draw_sequences,
    "evolino": draw_table,
    "forecast": draw_table,
    "tag": draw_sentences,
    "transcribe": draw_utterances,
    "segment": draw_recordings,
    "translate": draw_pairs,
    "write": draw_text,
    "suggest": draw_text,
}
