"""The rules for the users of Redis, as text."""

import re

import pytest

from qontract.adapters.redis.acl import AclUser, grants, rule

STREAM = "qontract:{main}:events"


def ruled(process: AclUser, channel: str = "main", stream: str = STREAM, user: str = "me") -> str:
    return rule(process, channel=channel, stream=stream, user=user)


@pytest.mark.parametrize("process", AclUser)
def test_a_rule_is_one_line_that_makes_the_user_anew_without_a_password_that_anybody_knows(process: AclUser) -> None:
    text = ruled(process)
    assert re.match(r"ACL SETUSER me reset on #SHA256_OF_THE_PASSWORD resetchannels &main ~", text)
    assert "\n" not in text


@pytest.mark.parametrize("process", AclUser)
def test_no_rule_gives_all_keys_all_channels_or_a_group_of_commands_but_what_clients_say_of_themselves(
    process: AclUser,
) -> None:
    parts = re.split(r"[ ()]+", ruled(process))
    assert [part for part in parts if part.startswith("+@")] == ["+@connection"]
    assert not {"~*", "&*", "allkeys", "allchannels", "nopass"} & set(parts)
    assert all(part.startswith("~qontract:{main}:") for part in parts if part.startswith("~"))


@pytest.mark.parametrize("process", AclUser)
def test_outside_of_parentheses_a_rule_has_only_scripts_and_what_names_no_key(process: AclUser) -> None:
    root = ruled(process).partition(" (")[0]
    with_keys = {grant.command for grant in grants(process, channel="main", stream=STREAM) if grant.key.startswith("q")}
    assert {part[1:] for part in root.split() if part.startswith("+")} & with_keys == {"eval", "evalsha"}


def test_a_command_is_given_for_the_keys_in_its_parentheses_once() -> None:
    inside = re.findall(r"\(([^)]*)\)", ruled(AclUser.API))
    commands = [part for some in inside for part in some.split() if part.startswith("+")]
    assert len(commands) == len(set(commands)) > 20
    assert "~qontract:{main}:job-number +incr" in inside


def test_names_follow_the_channel_and_the_stream() -> None:
    text = ruled(AclUser.SUBSCRIBER, channel="eu", stream="theirs")
    assert "&eu ~qontract:{eu}:* ~theirs +@connection" in text
    assert "main" not in text


def test_without_a_stream_there_is_no_right_to_one() -> None:
    assert "xadd" not in ruled(AclUser.WORKER, stream="")
    assert "~qontract:{main}:events" not in ruled(AclUser.API, stream="")


def test_a_name_is_no_pattern() -> None:
    assert r" ~a\*\[b\]\? " in ruled(AclUser.API, stream="a*[b]?")


@pytest.mark.parametrize("names", [{"stream": "a b"}, {"stream": "a\nb"}, {"user": "a +@all"}])
def test_a_name_with_a_blank_is_refused_for_it_would_be_two_words_of_the_rule(names: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="has a blank in it"):
        ruled(AclUser.API, **names)
