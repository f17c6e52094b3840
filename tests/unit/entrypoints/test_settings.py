import os
from pathlib import Path

import pytest

from qontract.adapters.slack.slack_usergroups import SlackSettings
from qontract.entrypoints.settings import Settings, load_settings, load_settings_of
from qontract.entrypoints.settings.reading import SettingsProblemsError

SECRET = "xoxb-never-to-be-seen"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("QAPI_")]:
        monkeypatch.delenv(name)


def load(monkeypatch: pytest.MonkeyPatch, **environment: object) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    return load_settings()


def tokens(monkeypatch: pytest.MonkeyPatch, **environment: object) -> dict[str, str]:
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    slack = load_settings_of(SlackSettings, "slack")
    return {workspace: token.get_secret_value() for workspace, token in slack.tokens.items()}


def problems(monkeypatch: pytest.MonkeyPatch, **environment: object) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        load(monkeypatch, **environment)
    return str(ended.value).splitlines()


def test_the_spool_is_below_the_state_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = load(monkeypatch, XDG_STATE_HOME=tmp_path)
    assert settings.events.spool == tmp_path / "qontract" / "events.sqlite"


def test_without_any_variable_all_have_the_documented_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_STATE_HOME")
    settings = load_settings()
    assert settings.start_mode == "api"
    assert settings.cache_broker_url.get_secret_value() == "redis://localhost:6379/0"
    assert settings.events.model_dump() == {
        "enabled": True,
        "url": None,
        "channel": "main",
        "stream": "qontract:{main}:events",
        "source": "qontract-api",
        "spool": Path.home() / ".local" / "state" / "qontract" / "events.sqlite",
        "spool_max_bytes": 100_000_000,
        "replicas": 0,
        "fsync": False,
        "replicas_timeout": 1,
    }
    slack = load_settings_of(SlackSettings, "slack")
    assert (slack.api_url, slack.tokens) == ("https://slack.com/api/", {})
    assert settings.auth.secret is None


FORMS = "redis://, rediss:// or unix://; redis+sentinel:// or redis+cluster://, or rediss+ in place of redis+"
MUST_BEGIN = f"must begin with {FORMS}"
NO_JOBS = "is a cluster, which cannot hold the jobs; the events can be there: QAPI_EVENTS__URL"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("QAPI_START_MODE", "everything", "Input should be 'api', 'worker' or 'subscriber'"),
        ("QAPI_LOG_LEVEL", "debug", "Input should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("QAPI_CACHE_BROKER_URL", f"http://:{SECRET}@host", MUST_BEGIN),
        ("QAPI_EVENTS__URL", f"http://:{SECRET}@host", MUST_BEGIN),
        ("QAPI_CACHE_BROKER_URL", f"redis+cluster://:{SECRET}@host", NO_JOBS),
        ("QAPI_EVENTS__BACKENDD", "redis", "Extra inputs are not permitted"),
        ("QAPI_EVENTS__ENABLED", "perhaps", "Input should be a valid boolean, unable to interpret input"),
        ("QAPI_EVENTS__CHANNEL", "two words", "String should match pattern '^[A-Za-z0-9._:-]+$'"),
        ("QAPI_EVENTS__SOURCE", "", "String should have at least 1 character"),
        ("QAPI_EVENTS", "{", "not JSON, which maps and lists are written in"),
        ("QAPI_GUARDS__PROTECTED", '["alice"]', "Input should be a valid dictionary"),
        ("QAPI_GUARDS__MAX_REMOVAL_SHARE", "25", "Input should be less than or equal to 1"),
        ("QAPI_AUTH__SECRET", "s" * 31, "must have at least 32 bytes"),
        ("QAPI_AUTH__SECRET", "", "must have at least 32 bytes"),
        ("QAPI_API__PORT", "65536", "Input should be less than or equal to 65535"),
        ("QAPI_API__PORT", "http", "Input should be a valid integer, unable to parse string as an integer"),
        ("QAPI_SECRETS_DIR", "/nowhere", 'directory "/nowhere" does not exist'),
    ],
)
def test_a_wrong_setting_ends_the_process_with_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    assert problems(monkeypatch, **{name: value}) == [f"qontract: {name}: {said}"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("QAPI_SLACK__TOKENS", f'{{"coreos": "{SECRET}"', "not JSON, which maps and lists are written in"),
        ("QAPI_SLACK__TOKENS", SECRET, "not JSON, which maps and lists are written in"),
        ("QAPI_SLACK__TOKENS", f'["{SECRET}"]', "Input should be a valid dictionary"),
        ("QAPI_SLACK__TOKENS", f'{{"coreos": ["{SECRET}"]}}', "coreos: Input should be a valid string"),
        ("QAPI_SLACK", '{"timeout": 0}', "timeout: Input should be greater than 0"),
        ("QAPI_SLACK__TIMEOUT", "0", "Input should be greater than 0"),
    ],
)
def test_a_wrong_setting_of_an_integration_is_refused_with_one_line_that_names_it_and_not_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsProblemsError) as refused:
        load_settings_of(SlackSettings, "slack")
    assert refused.value.problems == [f"{name}: {said}"]


def test_each_wrong_setting_has_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = problems(monkeypatch, QAPI_EVENTS__SOURCE="", QAPI_API__PORT="x", QAPI_AUTH__SECRET=SECRET)
    assert [line.split(": ")[1] for line in lines] == ["QAPI_EVENTS__SOURCE", "QAPI_AUTH__SECRET", "QAPI_API__PORT"]
    assert SECRET not in "".join(lines)


def test_a_variable_in_lower_case_is_named_as_it_is_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = problems(monkeypatch, qapi_events__source="")
    assert line.startswith("qontract: QAPI_EVENTS__SOURCE: ")


@pytest.mark.parametrize(("channel", "stream"), [("main", "qontract:{main}:events"), ("eu", "qontract:{eu}:events")])
def test_the_stream_follows_the_channel(monkeypatch: pytest.MonkeyPatch, channel: str, stream: str) -> None:
    assert load(monkeypatch, QAPI_EVENTS__CHANNEL=channel).events.stream == stream


def test_the_stream_may_be_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not load(monkeypatch, QAPI_EVENTS__STREAM="").events.stream


def test_the_stream_may_have_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(monkeypatch, QAPI_EVENTS__CHANNEL="eu", QAPI_EVENTS__STREAM="kept").events.stream == "kept"


def test_tokens_are_read_from_json_and_from_variables_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tokens(monkeypatch, QAPI_SLACK__TOKENS='{"a": "1"}', QAPI_SLACK__TOKENS__B="2") == {"a": "1", "b": "2"}


def test_secrets_are_read_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for file, text in {"slack/tokens/coreos": "1\n", "slack/tokens/sre": "2", "auth/secret": "s" * 32 + "\n"}.items():
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
    settings = load(monkeypatch, QAPI_SECRETS_DIR=tmp_path)
    assert tokens(monkeypatch) == {"coreos": "1", "sre": "2"}
    assert settings.auth.secret
    assert settings.auth.secret.get_secret_value() == "s" * 32


def test_a_variable_has_precedence_over_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "slack" / "tokens").mkdir(parents=True)
    (tmp_path / "slack" / "tokens" / "coreos").write_text("from the file")
    (tmp_path / "slack" / "tokens" / "sre").write_text("from the file")
    found = tokens(monkeypatch, QAPI_SECRETS_DIR=tmp_path, QAPI_SLACK__TOKENS='{"coreos": "given"}')
    assert found == {"coreos": "given", "sre": "from the file"}


@pytest.mark.parametrize(
    ("file", "text", "line"),
    [
        ("auth/secret", SECRET.encode(), "QAPI_AUTH__SECRET: must have at least 32 bytes"),
        ("auth/secret", b"\xff\xfe" + SECRET.encode(), "QAPI_SECRETS_DIR: a file cannot be read: UnicodeDecodeError"),
        ("auth/nonsense", SECRET.encode(), "QAPI_AUTH__NONSENSE: Extra inputs are not permitted"),
        (
            "guards/protected",
            SECRET.encode(),
            "QAPI_SECRETS_DIR: a file: not JSON, which maps and lists are written in",
        ),
    ],
)
def test_a_wrong_file_ends_the_process_with_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: str, text: bytes, line: str
) -> None:
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_bytes(text)
    assert problems(monkeypatch, QAPI_SECRETS_DIR=tmp_path) == [f"qontract: {line}"]


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(
        monkeypatch,
        QAPI_CACHE_BROKER_URL=f"redis://:{SECRET}@host",
        QAPI_AUTH__SECRET=SECRET * 2,
        QAPI_SLACK__TOKENS=f'{{"coreos": "{SECRET}"}}',
    )
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert SECRET not in shown


def test_a_url_whose_password_has_to_be_encoded_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QAPI_CACHE_BROKER_URL", "redis://:hush/hush@localhost:6379/0")
    with pytest.raises(SystemExit) as refused:
        load_settings()
    assert "QAPI_CACHE_BROKER_URL" in str(refused.value)
    assert "%2F" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_the_events_are_with_the_jobs_unless_they_have_a_redis_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, QAPI_CACHE_BROKER_URL="redis://jobs")
    assert (settings.events_url, settings.events_url_name) == ("redis://jobs", "QAPI_CACHE_BROKER_URL")
    settings = load(monkeypatch, QAPI_CACHE_BROKER_URL="redis://jobs", QAPI_EVENTS__URL="redis://events")
    assert (settings.events_url, settings.events_url_name) == ("redis://events", "QAPI_EVENTS__URL")


@pytest.mark.parametrize("stream", ["events", "{other}:events", "x{}{main}"])
def test_a_stream_that_a_cluster_could_keep_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    with pytest.raises(SystemExit, match=r"QAPI_EVENTS__STREAM: .*has to contain \{main\}"):
        load(monkeypatch, QAPI_EVENTS__URL="redis+cluster://h", QAPI_EVENTS__STREAM=stream)


@pytest.mark.parametrize("stream", ["", "{main}events"])
def test_a_stream_in_the_slot_of_its_channel_is_taken(monkeypatch: pytest.MonkeyPatch, stream: str) -> None:
    settings = load(monkeypatch, QAPI_EVENTS__URL="redis+cluster://h", QAPI_EVENTS__STREAM=stream)
    assert settings.events.stream == stream
