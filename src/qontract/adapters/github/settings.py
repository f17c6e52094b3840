"""How GitHub is reached."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from qontract.adapters.safe_urls import safe_url


def _lower(by_organisation: dict[str, SecretStr]) -> dict[str, SecretStr]:
    return {name.lower(): value for name, value in by_organisation.items()}


def _lower_ids(by_organisation: dict[str, int]) -> dict[str, int]:
    return {name.lower(): value for name, value in by_organisation.items()}


def _pem(key: SecretStr) -> SecretStr:
    if not key.get_secret_value().lstrip().startswith("-----BEGIN "):
        raise ValueError("is no private key in PEM format")
    return key


class GithubSettings(BaseModel):
    """`QAPI_GITHUB__…`: how GitHub is reached.

    `tokens`: organisation → token. An App is an alternative to them: `app_id`, its `app_private_key` in PEM format, and
    `installations`: organisation → the id of the App's installation there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$"), AfterValidator(safe_url)] = (
        "https://api.github.com"
    )
    tokens: Annotated[dict[str, SecretStr], AfterValidator(_lower)] = Field(default_factory=dict)
    app_id: int | None = None
    app_private_key: Annotated[SecretStr, AfterValidator(_pem)] | None = None
    installations: Annotated[dict[str, int], AfterValidator(_lower_ids)] = Field(default_factory=dict)
    timeout: float = Field(default=30, gt=0, description="Seconds for one request, its whole answer included")
