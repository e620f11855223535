"""Reading users' files: every fault is one line that names the file, and nothing else is ever raised."""

import os

import pytest

from jova_bench.errors import BenchError
from jova_bench.files.paths import shown_path
from jova_bench.files.reading import DEEPEST, read_bytes, read_json, read_json_lines, read_text, read_toml


def a_file(tmp_path, content, name="given"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def refusal(read, path):
    with pytest.raises(BenchError) as caught:
        read(path)
    message = str(caught.value)
    assert "\n" not in message, message
    assert shown_path(path) in message, message
    return message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_texts_in_the_encodings_that_editors_write(tmp_path, encoding):
    path = a_file(tmp_path, '{"a": "café, 日本 \U0001f600"}'.encode(encoding))
    assert read_json(path) == {"a": "café, 日本 \U0001f600"}
    assert read_text(path) == '{"a": "café, 日本 \U0001f600"}'


def test_utf_16_of_the_other_byte_order(tmp_path):
    assert read_toml(a_file(tmp_path, b"\xfe\xff" + "a = 1\r\nb = 'é'".encode("utf-16-be"))) == {"a": 1, "b": "é"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a":\n "\xe9"}', "byte 0xe9 on line 2"),
        (b"a\n\0", "zero byte on line 2"),
        (b"a\0\0\xd8", "UTF-16-LE"),
        (b"\xff\xfea", "UTF-16"),
    ],
)
def test_what_is_no_text(tmp_path, content, said):
    assert said in refusal(read_text, a_file(tmp_path, content))


def test_what_is_no_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, said in (
        (tmp_path, "directory"),
        (tmp_path / "none", "No such file"),
        (pipe, "pipe"),
        ("/dev/zero", "device"),
        (tmp_path / ("x" * 300), "too long"),
    ):
        for read in (read_bytes, read_text, read_json, read_toml):
            assert said in refusal(read, path)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    refusal(read_text, loop)
    with pytest.raises(BenchError, match="path of a file"):
        read_text("a\0b")


def test_a_file_above_the_bound_is_not_read(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2**40)  # Would not fit into memory.
    assert "1,099,511,627,776" in refusal(read_text, path)
    assert read_bytes(a_file(tmp_path, b"12345"), most=5) == b"12345"
    with pytest.raises(BenchError, match="at most 4 bytes, got 5"):
        read_bytes(a_file(tmp_path, b"12345"), most=4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": ', "line|column 7"),
        ("[" * 100_000, f"nested too deeply: more than {DEEPEST} levels"),
        ('{"a":' * 200 + "1" + "}" * 200, f"nested too deeply: more than {DEEPEST} levels"),
        ("9" * 5000, "thousands of digits"),
        ('{"a": [1, ' + "9" * 309 + "]}", "a.1: expected a number below 1e308"),
        ('{"a": NaN}', "a: expected a finite number, got nan"),
        ("[-Infinity]", "0: expected a finite number"),
        ("[1, 1e999]", "1: expected a finite number"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' twice"),
        (r'{"a": "x\u0000"}', "a: expected a text without zero bytes"),
        (r'{"x\u0000": 1}', "zero bytes"),
        (r'["\ud83d"]', "half of a surrogate pair"),
        ("", "expected JSON"),
        ("[1] [2]", "Extra data"),
    ],
)
def test_json_that_no_reader_takes(tmp_path, text, said):
    message = refusal(read_json, a_file(tmp_path, text))
    assert any(part in message for part in said.split("|")), message
    if "\n" not in text and text:
        ((number, value),) = read_json_lines(a_file(tmp_path, text))
        assert number == 1
        assert isinstance(value, BenchError)
        assert "given:1: " in str(value)


def test_json_that_is_sound(tmp_path):
    deep = "[" * DEEPEST + "]" * DEEPEST
    read_json(a_file(tmp_path, deep))
    refusal(read_json, a_file(tmp_path, f"[{deep}]"))
    assert read_json(a_file(tmp_path, f'[{"9" * 300}, 1e308, "\\ud83d\\ude00"]')) == [
        int("9" * 300),
        1e308,
        "\U0001f600",
    ]


def test_lines_of_json_by_number_whatever_ends_them(tmp_path):
    found = list(read_json_lines(a_file(tmp_path, '[1]\r\n\n  \n{"a": "x\u2028y"}\r[3\n"last"')))
    assert [number for number, _ in found] == [1, 4, 5, 6]
    assert found[0][1] == [1]
    assert found[1][1] == {"a": "x\u2028y"}
    assert found[3][1] == "last"
    assert isinstance(found[2][1], BenchError)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = ", "line 1, column 5|expected TOML"),
        ("a = " + "[" * 20_000, f"nested too deeply: more than {DEEPEST} levels"),
        (".".join("a" * 200) + " = 1", f"nested too deeply: more than {DEEPEST} levels"),
        ("a = " + "9" * 5000, "thousands of digits"),
        ("a = " + "9" * 400, "a: expected a number below 1e308"),
        ("[t]\na = inf", "t.a: expected a finite number"),
        ("a = 1\na = 2", "expected TOML"),
        (r'a = "\u0000"', "a: expected a text without zero bytes"),
        ("a = 2020-13-01", "expected TOML"),
    ],
)
def test_toml_that_no_reader_takes(tmp_path, text, said):
    message = refusal(read_toml, a_file(tmp_path, text))
    assert any(part in message for part in said.split("|")), message
