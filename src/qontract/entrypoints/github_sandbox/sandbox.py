"""How this sandbox is run and reached."""

import json
from collections.abc import Mapping
from pathlib import Path

from qontract.entrypoints.github_sandbox import load
from qontract.entrypoints.sandboxes import Sandbox

_EXAMPLES = Path(__file__).parents[1] / "examples"


def _environment(url: str, state: Path) -> Mapping[str, str]:
    tokens = {organisation.login: f"ghp_sandbox_{organisation.login}" for organisation in load(state)}
    return {"QAPI_GITHUB__API_URL": url, "QAPI_GITHUB__TOKENS": json.dumps(tokens)}


SANDBOX = Sandbox(
    module="qontract.entrypoints.github_sandbox",
    environment=_environment,
    state=_EXAMPLES / "organisations.json",
    desired=_EXAMPLES / "desired-teams.json",
)
