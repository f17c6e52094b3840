"""GitHub's teams as an App reaches them."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr, ValidationError

from qontract.adapters.github import GithubApiTeams
from qontract.adapters.github.settings import GithubSettings
from qontract.application.ports.integration import IntegrationError, RateLimitedError
from qontract.entrypoints.settings import load_settings_of
from tests.contracts.github_teams import ACME, create, team
from tests.support.github_sandbox import CREATE, MEMBERS, GithubSandbox

ACCESS_TOKEN = "apps/create-installation-access-token"


@pytest.fixture(scope="session")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


@pytest.fixture
def app(github: GithubSandbox, private_key: str) -> GithubApiTeams:
    key = SecretStr(private_key)
    return GithubApiTeams(
        GithubSettings(api_url=github.url, app_id=7, app_private_key=key, installations={"Acme": 1, "lost": 9})
    )


def test_an_app_gets_a_token_of_its_installation_and_keeps_it(github: GithubSandbox, app: GithubApiTeams) -> None:
    assert app.read("acme") == ACME
    assert app.read("acme") == ACME
    assert github.calls() == [ACCESS_TOKEN, "graphql", "graphql"]


def test_an_app_that_makes_a_team_is_not_in_it(github: GithubSandbox, app: GithubApiTeams) -> None:
    app.apply(create())
    assert github.calls() == [ACCESS_TOKEN, CREATE, MEMBERS]
    assert team(app, "team-b").logins() == {}


def test_an_app_that_is_not_installed_is_refused(app: GithubApiTeams) -> None:
    with pytest.raises(IntegrationError, match=r"^GitHub refused the query Organisation: 401"):
        app.read("lost")


def test_a_rate_limit_of_an_apps_token_is_an_error_with_its_seconds(github: GithubSandbox, app: GithubApiTeams) -> None:
    github.fault(ACCESS_TOKEN, status=429, retry_after=77)
    with pytest.raises(RateLimitedError) as caught:
        app.apply(create())
    assert caught.value.seconds == 77


def test_an_organisation_without_an_installation_is_an_error_that_names_the_settings(app: GithubApiTeams) -> None:
    with pytest.raises(IntegrationError, match=r"'other'.*QAPI_GITHUB__INSTALLATIONS"):
        app.read("other")


def test_a_private_key_that_is_none_is_refused_and_not_shown(github: GithubSandbox) -> None:
    with pytest.raises(ValidationError, match="is no private key in PEM format"):
        GithubSettings(app_id=7, app_private_key=SecretStr("nonsense"))
    key = SecretStr("-----BEGIN PRIVATE KEY-----\nbm9uc2Vuc2U=\n-----END PRIVATE KEY-----\n")
    app = GithubApiTeams(GithubSettings(api_url=github.url, app_id=7, app_private_key=key, installations={"acme": 1}))
    with pytest.raises(IntegrationError) as caught:
        app.read("acme")
    assert "bm9uc2Vuc2U" not in str(caught.value)


def test_the_settings_come_from_the_environment_and_from_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_key: str
) -> None:
    (tmp_path / "github").mkdir()
    (tmp_path / "github" / "app_private_key").write_text(private_key)
    monkeypatch.setenv("QAPI_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("QAPI_GITHUB__TOKENS", '{"Acme": "ghp_1"}')
    monkeypatch.setenv("QAPI_GITHUB__APP_ID", "7")
    settings = load_settings_of(GithubApiTeams.Settings, GithubApiTeams.settings_group)
    assert settings.api_url == "https://api.github.com"
    assert settings.tokens == {"acme": SecretStr("ghp_1")}
    assert settings.app_private_key == SecretStr(private_key.strip())
