"""Documents of YAML and JSON files."""

from pathlib import Path

import pytest

from qontract.entrypoints.client.yaml_documents import FileError, read

BOMB = "a:\n" + "".join(f"  - &b{n} [{', '.join([f'*b{n - 1}' if n else 'x'] * 9)}]\n" for n in range(9))


def values(tmp_path: Path, text: str, name: str = "a.yaml") -> list[object]:
    (tmp_path / name).write_text(text)
    return [document.value for document in read(tmp_path / name)]


def refused(tmp_path: Path, text: str, name: str = "a.yaml") -> str:
    with pytest.raises(FileError) as error:
        values(tmp_path, text, name)
    return str(error.value).removeprefix(str(tmp_path / name))


def test_each_document_that_is_not_empty_is_read(tmp_path: Path) -> None:
    assert values(tmp_path, "---\na: 1\n---\n---\nb: [true, null, 1.5]\n") == [{"a": 1}, {"b": [True, None, 1.5]}]


def test_json_is_read_with_tabs_and_any_character(tmp_path: Path) -> None:
    assert values(tmp_path, '{\n\t"a": "\\ud83d\\ude00"}', "a.json") == [{"a": "😀"}]
    assert values(tmp_path, '{"a": 1}', "a.yaml") == [{"a": 1}]


@pytest.mark.parametrize("name", ["no", "on", "y", "2024-01-01", "012", "1_000", "1:30", "0x10", "=", "0o7", ".nan"])
def test_a_name_that_older_yaml_takes_for_something_else_is_a_name(tmp_path: Path, name: str) -> None:
    assert values(tmp_path, f"users: [{name}]") == [{"users": [name]}]


def test_what_is_merged_into_an_object_may_be_written_there_again(tmp_path: Path) -> None:
    text = "a: &a {name: x, size: 1}\nb: {<<: *a, size: 2}"
    assert values(tmp_path, text) == [{"a": {"name": "x", "size": 1}, "b": {"name": "x", "size": 2}}]


@pytest.mark.parametrize(
    ("name", "line"), [("a.yaml", "a:\n  b: 1\n  b: 2"), ("a.json", '{"a":\n {"b": 1,\n  "b": 2}}')]
)
def test_a_key_that_is_there_twice_is_refused_with_both_lines(tmp_path: Path, name: str, line: str) -> None:
    assert refused(tmp_path, line, name) == ":3: 'b' is there twice: first on line 2"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n---\n", "\n"])
def test_an_empty_file_is_refused(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, text) == ": it is empty"


def test_what_cannot_be_parsed_is_refused_with_its_line(tmp_path: Path) -> None:
    assert refused(tmp_path, "a: 1\nb: [1, 2\nc: 3").startswith(":3: ")
    assert refused(tmp_path, '{"a": 1,\n b}', "a.json").startswith(":2: not JSON: Expecting property name")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: !!python/object/apply:os.system [ls]", ":1: could not determine a constructor"),
        ("a: !!binary aGk=", ": it has what JSON has not: bytes"),
        ("a: &a [*a]", ": a part of it contains itself"),
        ("[1]: 2", ":1: a key is no text"),
        ("a: !!float .inf", ": it has what JSON has not: float"),
        ("[" * 100_000, ": it is nested too deeply"),
        (BOMB, ": it has more than 5,000,000 values"),
    ],
)
def test_what_does_harm_or_cannot_be_sent_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert refused(tmp_path, text).startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": NaN}', ": it has what JSON has not: float"),
        ('{"a": "\\ud800"}', ": a text has half a character"),
        ("[" * 100_000, ": it is nested too deeply"),
    ],
)
def test_so_it_is_in_json(tmp_path: Path, text: str, said: str) -> None:
    assert refused(tmp_path, text, "a.json").startswith(said)


def test_a_file_that_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"a\.yaml: cannot be read: No such file or directory"):
        read(tmp_path / "a.yaml")
    (tmp_path / "a.yaml").write_bytes(b"a: \xff")
    with pytest.raises(FileError, match=r"a\.yaml: cannot be read: it is not in UTF-8"):
        read(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ([], 2),
        (["a"], 2),
        (["a", "1"], 4),
        (["a", "1", "c"], 5),
        (["a", "1", "nowhere"], 4),
        (["a", "7"], 2),
        (["d"], 6),
    ],
)
def test_a_place_is_that_of_the_part_or_of_what_is_around_it(tmp_path: Path, path: list[str], line: int) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("---\na:\n  - b: 1\n  - b: 2\n    c: 3\nd: '\\ud83d'\n")
    assert read(file)[0].place(path) == f"{file}:{line}"
