"""Tagged sentences from files: what is read, and what is refused by file and line."""

import gzip
import json

import pytest

from keepgate.data.text.sentences import read_sentences
from keepgate.errors import InputError

EXPECTED = ([["The", "cat"], ["Sleep", "#", "now"]], [["DET", "NOUN"], ["VERB", "SYM", "ADV"]])

PLAIN = "The\tDET\ncat\tNOUN\n\nSleep\tVERB\n#\tSYM\nnow\tADV\n"
CONLLU = """\
# sent_id = 1
1\tThe\tthe\tDET\tDT\t_\t2\tdet\t_\t_
2\tcat\tcat\tNOUN\tNN\t_\t0\troot\t_\t_

# sent_id = 2
1-2\tSleepnow\t_\t_\t_\t_\t_\t_\t_\t_
1\tSleep\tsleep\tVERB\tVB\t_\t0\troot\t_\t_
2\t#\t#\tSYM\tSYM\t_\t1\tpunct\t_\t_
2.1\tghost\t_\t_\t_\t_\t_\t_\t_\t_
3\tnow\tnow\tADV\tRB\t_\t1\tadvmod\t_\t_
"""
JSON = "\n".join(json.dumps({"tokens": t, "tags": g}) for t, g in zip(*EXPECTED, strict=True))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.conll", PLAIN),
        ("a.tsv", PLAIN.replace("\n", "\r\n")),
        ("a.txt", "<s>\n" + PLAIN.replace("\n\n", "\n</s>\n<s>\n") + "</s>"),
        ("a.txt", PLAIN.replace("\t", " ")),
        ("a.txt", "-DOCSTART- O\n\n" + PLAIN.replace("\t", " ")),
        ("a.conll", "# a comment\n" + PLAIN.replace("\t", "\t_\t")),
        ("a.conllu", CONLLU),
        ("a.jsonl", JSON + "\n\n"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_every_form_holds_the_same_sentences(tmp_path, name, text, zipped):
    path = tmp_path / (name + (".gz" if zipped else ""))
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if zipped else text.encode())
    found = read_sentences(path)
    assert (found.tokens, found.tags) == EXPECTED
    assert read_sentences(path, labelled=False).tokens == EXPECTED[0]


def read_text(tmp_path, text, **options):
    path = tmp_path / "a.txt"
    path.write_text(text)
    return read_sentences(path, **options)


def test_a_word_that_begins_with_a_hash_is_no_comment(tmp_path):
    found = read_text(tmp_path, "#Paris B-location\nrocks O\n\n# O\nis O\n\nin O\nParis B-location\n")
    assert found.tokens == [["#Paris", "rocks"], ["#", "is"], ["in", "Paris"]]
    assert found.tags == [["B-location", "O"], ["O", "O"], ["O", "B-location"]]


def test_comments_stay_comments_beside_words_apart_by_spaces(tmp_path):
    found = read_text(tmp_path, "# newdoc id = x\n#begin document (7); part 000\nrocks O\n\n# text\nParis B-location\n")
    assert found.tokens == [["rocks"], ["Paris"]]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("#Paris B-town\n\nrocks O\n", {}),
        ("#Paris\n\nrocks\n", {"labelled": False}),
        ("#a b\nc\td\n", {"labelled": False}),
    ],
)
def test_what_may_be_a_word_or_a_comment_is_asked_about(tmp_path, text, options):
    with pytest.raises(InputError, match=r"line 1: '#.*' may be a comment or a word; put a space after the #"):
        read_text(tmp_path, text, **options)


def test_raw_sentences_keep_all_their_words(tmp_path):
    found = read_text(tmp_path, "I live in Paris .\n#Paris rocks !\n\nYes\n", labelled=False)
    assert found.tokens == [["I", "live", "in", "Paris", "."], ["#Paris", "rocks", "!"], ["Yes"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("just one line here\n", [["just", "one", "line", "here"]]),
        ("#Paris rocks\n# so\r\n\r\n@y 10\u00a0km\n", [["#Paris", "rocks"], ["#", "so"], ["@y", "10", "km"]]),
        ("\ufeff#one line\n", [["#one", "line"]]),
        ("\ufeff one two\r\n\r\n\r\nthree  four \r\n", [["one", "two"], ["three", "four"]]),
        ("<s>\nhello you\n</s>\n日本語\n", [["hello", "you"], ["日本語"]]),
        ("I love\tit\nso much more\n", [["I", "love", "it"], ["so", "much", "more"]]),
        ("The DET\ncat NOUN\n\nSleep VERB\n", [["The", "cat"], ["Sleep"]]),
        ("#tag\tX\n", [["#tag"]]),
        ("#tag\tX\nword\tY\n\n#\tZ\n", [["#tag", "word"], ["#"]]),
        ("# newdoc\n#\nword\n\n#\nother\n", [["#", "word"], ["#", "other"]]),
        (f"{'x' * 100_000}\tX\n\u0301\tY\n \t\n10\u00a0000\tZ\n", [["x" * 100_000, "\u0301"], ["10\u00a0000"]]),
    ],
)
def test_no_word_of_text_without_tags_is_lost(tmp_path, text, expected):
    assert read_text(tmp_path, text, labelled=False).tokens == expected


def test_lines_that_may_be_sentences_or_columns_are_asked_about(tmp_path):
    with pytest.raises(InputError, match=r"a\.txt may hold sentences or columns, for all its lines have 2 words"):
        read_text(tmp_path, "one two\nthree four\n", labelled=False)


def test_columns_apart_by_spaces_keep_words_whole(tmp_path):
    assert read_text(tmp_path, "10\u00a0000 NUM\ncat NOUN\n").tokens == [["10\u00a0000", "cat"]]


def test_columns_can_be_named(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_text(CONLLU)
    found = read_sentences(path, token_column=3, tag_column=5)
    assert found.tokens[0] == ["the", "cat"]
    assert found.tags == [["DT", "NN"], ["VB", "SYM", "RB"]]


def test_tokens_alone_are_read_where_no_tags_are_asked_for(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("The\ncat\n\nSleep\n")
    assert read_sentences(path, labelled=False).tokens == [["The", "cat"], ["Sleep"]]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.conll", b"", "has no sentence"),
        ("a.conll", b"\n\n<s>\n</s>\n", "has no sentence"),
        ("a.conll", b"The\tDET\ncat\n", "line 2: no tag in column 2 of 1"),
        ("a.conll", b"The\tDET\ncat\t \n", "line 2: no tag in column 2"),
        ("a.conll", b"The\tDET\n\xff\tX\n", "not a text file in UTF-8"),
        ("a.jsonl", b'{"tokens": ["a"], "tags": ["X"]}\n{"tokens"', "line 2: no JSON"),
        ("a.jsonl", b'["a"]', "line 1: no JSON object"),
        ("a.jsonl", b'{"tokens": ["a", "b"], "tags": ["X"]}', "line 1: 2 tokens but 1 tags"),
        ("a.jsonl", b'{"tokens": ["a", 3], "tags": ["X", "Y"]}', "line 1: no list of texts under 'tokens'"),
        ("a.jsonl", b'{"tokens": ["a"]}', "line 1: no list of texts under 'tags'"),
        ("a.conll.gz", gzip.compress(PLAIN.encode(), mtime=0)[:-12], "cut short"),
        ("a.conll.gz", PLAIN.encode(), "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_named_by_file_and_line(tmp_path, name, data, words):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_sentences(path)
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.conll cannot be read: No such file"):
        read_sentences(tmp_path / "nowhere.conll")


def test_sessions_are_told_by_a_comment_or_a_key(tmp_path):
    conll = ["# newdoc id = x", "# text = a b", "a\tX", "b\tY", "", "c\tX", "", "# newdoc", "# newdocument = 3", "d\tX"]
    path = tmp_path / "a.conll"
    path.write_text("\n".join(conll))
    assert read_sentences(path, session_column="newdoc").groups == ["x", "x", "line 8"]
    assert read_sentences(path).groups is None
    path = tmp_path / "a.jsonl"
    path.write_text('{"tokens": ["a"], "tags": ["X"], "call": 7}\n{"tokens": ["b"], "tags": ["Y"], "call": "z"}\n')
    assert read_sentences(path, session_column="call").groups == ["7", "z"]


def test_a_sentence_of_no_session_is_refused(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text("a\tX\n\n# newdoc\nb\tY\n")
    with pytest.raises(InputError, match="line 1: no comment '# newdoc' names the session"):
        read_sentences(path, session_column="newdoc")
    path = tmp_path / "a.jsonl"
    path.write_text('{"tokens": ["a"], "tags": ["X"], "call": 7}\n{"tokens": ["b"], "tags": ["Y"]}\n')
    with pytest.raises(InputError, match="line 2: no session under 'call'"):
        read_sentences(path, session_column="call")


def test_documents_are_named_beside_sessions(tmp_path):
    text = "# newdoc id = d\n# scene = 1\na\tX\n\n# scene = 2\nb\tY\n\n# newdoc id = e\nc\tX\n"
    found = read_text(tmp_path, text, session_column="scene", group_column="newdoc")
    assert (found.groups, found.sources) == (["1", "2", "2"], ["d", "d", "e"])
    found = read_text(tmp_path, text, group_column="newdoc")
    assert (found.groups, found.sources) == (None, ["d", "d", "e"])
    path = tmp_path / "a.jsonl"
    path.write_text('{"tokens": ["a"], "tags": ["X"], "by": 7}\n{"tokens": ["b"], "tags": ["Y"], "by": "Ann"}\n')
    assert read_sentences(path, group_column="by").sources == ["7", "Ann"]
    with pytest.raises(InputError, match=r"line 1: no session under 'who'"):
        read_sentences(path, group_column="who")
