"""How the system is, over HTTP, with adapters in memory."""

import httpx
import pytest

from qontract.application.ports.server_info import ServerInfoError
from qontract.entrypoints.api.auth import claims_dependency
from qontract.entrypoints.api.status import router
from qontract.entrypoints.settings.groups import AuthSettings
from tests.support.api_in_memory import SECRET
from tests.unit.application.inspection.test_status import System
from tests.unit.domain.test_processes import process
from tests.unit.entrypoints.api.conftest import bearer
from tests.unit.entrypoints.api.test_events import an_app

PATH, READS = "/api/v1/status", bearer("events:read")

pytestmark = pytest.mark.anyio


def client_of(system: System) -> httpx.AsyncClient:
    app = an_app()
    app.include_router(router(system.status, claims_dependency(AuthSettings.model_validate({"secret": SECRET}))))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")


async def test_who_may_read_events_is_told_the_sentence_the_findings_and_the_processes() -> None:
    system = System()
    system.process_registry.show(process(refused={"tickets": "no such module"}))
    async with client_of(system) as client:
        told = (await client.get(PATH, headers=READS)).json()
    assert (told["status"], told["sentence"]) == ("not well", "Not well: a worker refuses tickets.")
    [worker] = [finding for finding in told["findings"] if finding["thing"] == "worker"]
    assert (worker["status"], worker["name"]) == ("not well", "ops-1-42-worker")
    assert worker["next"].startswith("fix the package")
    [shown] = told["processes"]
    assert (shown["kind"], shown["version"], shown["python"]) == ("worker", "0.1.0", "3.11.7")
    assert told["redis"]["software"] == "memory"


async def test_while_redis_is_away_the_answer_says_so() -> None:
    system = System()
    system.server.fail("read", ServerInfoError("redis-1:6379 refused or did not answer"))
    async with client_of(system) as client:
        answer = await client.get(PATH, headers=READS)
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["redis"]) == ("not known", None)


async def test_who_may_not_read_events_is_told_nothing() -> None:
    async with client_of(System()) as client:
        assert (await client.get(PATH)).status_code == 401
        assert (await client.get(PATH, headers=bearer("reconcile:plan"))).status_code == 403
