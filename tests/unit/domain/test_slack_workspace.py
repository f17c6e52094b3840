"""Names and ids in a workspace."""

from qontract.domain.slack_workspace import SlackChannel, SlackUser, SlackWorkspace

WORKSPACE = SlackWorkspace(
    name="coreos",
    users=(
        SlackUser(id="U1", name="alice", email="Alice@Example.org", other_ids=("W1",)),
        SlackUser(id="U2", name="bob"),
        SlackUser(id="U3", name="gone", email="gone@example.org", active=False),
        SlackUser(id="U4", name="sam", email="sam.one@example.org"),
        SlackUser(id="U5", name="Sam", email="sam.two@example.org"),
    ),
    channels=(SlackChannel(id="C1", name="general"), SlackChannel(id="C2", name="équipe")),
)


def test_a_user_is_found_by_name_and_by_email_address_in_any_letter_case() -> None:
    users = WORKSPACE.user_directory()
    assert users.find(["ALICE"], "here") == ({"U1": "alice"}, [])
    assert users.find(["alice@example.ORG"], "here") == ({"U1": "alice"}, [])


def test_two_names_of_one_user_are_one_user() -> None:
    found, errors = WORKSPACE.user_directory().find(["alice", "alice@example.org"], "here")
    assert (found, errors) == ({"U1": "alice"}, [])


def test_an_unknown_name_is_an_error_that_says_where_it_stands() -> None:
    found, errors = WORKSPACE.user_directory().find(["bob", "ghost"], "coreos/team-a")
    assert found == {"U2": "bob"}
    assert errors == ["coreos/team-a: Slack has no active user 'ghost'"]


def test_a_deactivated_user_is_not_found_but_is_named() -> None:
    users = WORKSPACE.user_directory()
    assert users.find(["gone@example.org"], "here") == ({}, ["here: Slack has no active user 'gone@example.org'"])
    assert users.named(["U3"]) == {"U3": "gone"}


def test_a_name_of_several_users_is_an_error_that_gives_their_ids() -> None:
    found, errors = WORKSPACE.user_directory().find(["sam"], "here")
    assert found == {}
    assert errors == ["here: user 'sam' could be any of U4, U5"]


def test_users_that_share_a_name_are_found_by_email_address() -> None:
    assert WORKSPACE.user_directory().find(["sam.two@example.org"], "here") == ({"U5": "Sam"}, [])


def test_all_ids_of_a_user_name_the_first() -> None:
    assert WORKSPACE.user_directory().named(["W1", "U1"]) == {"U1": "alice"}


def test_an_unknown_id_is_its_own_name() -> None:
    assert WORKSPACE.user_directory().named(["U9", "U2"]) == {"U9": "U9", "U2": "bob"}


def test_names_come_in_order_whatever_the_order_of_the_question() -> None:
    users = WORKSPACE.user_directory()
    assert list(users.named(["U2", "U1"]).values()) == ["alice", "bob"]
    assert list(users.find(["bob", "alice"], "here")[0].values()) == ["alice", "bob"]


def test_a_channel_is_found_by_name() -> None:
    channels = WORKSPACE.channel_directory()
    assert channels.find(["General", "équipe"], "here") == ({"C1": "general", "C2": "équipe"}, [])
    assert channels.find(["nowhere"], "here") == ({}, ["here: Slack has no active channel 'nowhere'"])
