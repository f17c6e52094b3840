"""A desired state in files."""

from pathlib import Path

import pytest

from qontract.entrypoints.client.desired_files import Desired, read_desired
from qontract.entrypoints.client.yaml_documents import FileError

FIELDS = {"dry_run", "reason", "accept_plan", "workspaces"}


def write(directory: Path, **files: str) -> None:
    for name, text in files.items():
        file = directory / (name.replace("__", "/") + ".yaml")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def read(directory: Path, *names: str) -> Desired:
    return read_desired([directory / name for name in names] or [directory], FIELDS)


def refused(directory: Path, *names: str) -> str:
    with pytest.raises(FileError) as error:
        read(directory, *names)
    return str(error.value).replace(f"{directory}/", "")


def test_lists_in_files_and_documents_follow_each_other(tmp_path: Path) -> None:
    write(
        tmp_path, a="workspaces: [{name: one}]\n---\nworkspaces: [{name: two}]\nreason: r", b="workspaces: [{name: x}]"
    )
    read_together = read(tmp_path, "b.yaml", "a.yaml").value
    assert read_together == {"workspaces": [{"name": "x"}, {"name": "one"}, {"name": "two"}], "reason": "r"}


def test_a_directory_is_read_by_name_with_what_is_in_it_and_without_what_is_hidden(tmp_path: Path) -> None:
    files = {"b": "one", "a__c": "two", ".git__d": "three", "a__.e": "four"}
    write(tmp_path, **{name: f"workspaces: [{{name: {scope}}}]" for name, scope in files.items()})
    (tmp_path / "README.md").write_text("# no desired state")
    (tmp_path / "c.json").write_text('{"workspaces": [{"name": "five"}]}')
    assert [scope["name"] for scope in read(tmp_path).value["workspaces"]] == ["two", "one", "five"]


def test_a_directory_without_any_is_refused(tmp_path: Path) -> None:
    assert "there is no .yaml, .yml or .json file in it" in refused(tmp_path)


def test_a_scope_that_is_given_twice_is_refused_with_both_files_and_lines(tmp_path: Path) -> None:
    write(tmp_path, a="workspaces:\n  - name: one\n  - name: two", b="workspaces:\n\n  - name: two")
    assert refused(tmp_path) == "'two' of `workspaces` is there twice: a.yaml:3 and b.yaml:3"
    write(tmp_path, b="workspaces:\n  - name: three\n---\nworkspaces: [{name: three}]")
    assert refused(tmp_path) == "'three' of `workspaces` is there twice: b.yaml:2 and b.yaml:4"


def test_what_two_files_say_differently_is_refused(tmp_path: Path) -> None:
    write(tmp_path, a="workspaces: []\nreason: one", b="reason: one", c="reason: two")
    assert read(tmp_path, "a.yaml", "b.yaml").value == {"workspaces": [], "reason": "one"}
    assert refused(tmp_path) == "`reason` is there twice: a.yaml:2 and c.yaml:1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "- name: one",
            "a.yaml:1: this is a list, and no desired state, which is an object: put it under `workspaces:`",
        ),
        ("\n7", "a.yaml:2: this is a single value, and no desired state, which is an object"),
        ("reason: x\nworkspace: []", "a.yaml:2: there is no field 'workspace'; did you mean `workspaces`?"),
        ("teams: []", "a.yaml:1: there is no field 'teams'; there is `workspaces`"),
    ],
)
def test_what_is_no_desired_state_is_refused_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, a=text)
    assert refused(tmp_path) == said


def test_any_field_is_sent_where_it_is_not_known_what_there_is(tmp_path: Path) -> None:
    write(tmp_path, a="anything: 1")
    assert read_desired([tmp_path]).value == {"anything": 1}


@pytest.mark.parametrize(
    ("pointer", "place"),
    [
        ("/workspaces/0/usergroups/0/handel", "a.yaml:4"),
        ("/workspaces/0/usergroups/0/handle", "a.yaml:4"),
        ("/workspaces/2/x~1y", "b.yaml:3"),
        ("/reason", "b.yaml:1"),
        ("/workspaces", "a.yaml:1"),
        ("/workspaces/7", "a.yaml:1"),
        ("/nowhere", None),
        ("", None),
    ],
)
def test_a_pointer_into_the_request_is_a_line_of_a_file(tmp_path: Path, pointer: str, place: str | None) -> None:
    write(
        tmp_path,
        a="workspaces:\n- name: one\n  usergroups:\n  - handel: x\n- name: two",
        b="reason: why\nworkspaces:\n- {name: three, x/y: 1}",
    )
    assert read(tmp_path).place(pointer) == (place and f"{tmp_path}/{place}")
