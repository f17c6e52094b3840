"""How this sandbox is run and reached."""

import json
from collections.abc import Mapping
from pathlib import Path

from qontract.entrypoints.sandboxes import Sandbox
from qontract.entrypoints.slack_sandbox import load

_EXAMPLES = Path(__file__).parents[1] / "examples"


def _environment(url: str, state: Path) -> Mapping[str, str]:
    workspace = load(state)
    return {"QAPI_SLACK__API_URL": f"{url}/api/", "QAPI_SLACK__TOKENS": json.dumps({workspace.name: workspace.token})}


SANDBOX = Sandbox(
    module="qontract.entrypoints.slack_sandbox",
    environment=_environment,
    state=_EXAMPLES / "workspace.json",
    desired=_EXAMPLES / "desired-state.json",
)
