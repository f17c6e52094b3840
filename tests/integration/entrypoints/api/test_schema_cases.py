"""What the API answers is what its document says, whatever is sent.

What makes the requests is imported by the tests: it takes as long as pytest itself, and other tests begin without it.
"""

from qontract.adapters.memory import InMemoryGithubTeams, InMemoryJobQueue, InMemorySlackUsergroups
from qontract.entrypoints.integrations import InstalledIntegrations
from tests.support.api_in_memory import api_in_memory
from tests.unit.entrypoints.api.conftest import APPLIES, PLANS, bearer

BOTH = InstalledIntegrations({"slack-usergroups": InMemorySlackUsergroups, "github-teams": InMemoryGithubTeams})
ROOM = {"requests_at_once": 1_000_000, "open_jobs": 1_000_000, "max_body_bytes": 10_000_000}


def test_hundreds_of_requests_make_no_error_of_the_server_and_no_answer_that_the_document_does_not_name() -> None:
    from tests.support.schema_cases import fuzz

    statuses = fuzz(api_in_memory(InMemoryJobQueue({}), BOTH, ROOM, {}), APPLIES, examples=8, bodies=2)
    assert sum(statuses.values()) > 200
    assert {status for _, status in statuses} >= {200, 202, 404, 422}
    assert max(status for _, status in statuses) < 500


def test_a_token_that_may_little_is_told_so_in_answers_that_the_document_names() -> None:
    from tests.support.schema_cases import fuzz

    few = ROOM | {"requests_per_second": 0.001, "requests_at_once": 12}
    app = api_in_memory(InMemoryJobQueue({}), BOTH, few, {})
    statuses = fuzz(app, bearer("slack-usergroups:plan:coreos"), examples=2)
    assert {403, 429} <= {status for _, status in statuses}
    assert {status for _, status in fuzz(app, PLANS | {"authorization": ""}, examples=1)} >= {200, 401}
