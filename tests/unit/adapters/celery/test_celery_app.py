import ssl
from typing import Any

import kombu.pools
import pytest
import redis
from kombu.transport.redis import Channel

from qontract.adapters.celery.celery_app import celery_app
from qontract.adapters.celery.messages import MAX_COUNTDOWN


@pytest.mark.parametrize(
    ("url", "kind", "expected"),
    [
        ("redis://localhost:6380", redis.Connection, {"host": "localhost", "port": 6380, "db": 0}),
        (
            "redis://user:p%40ss@[::1]/3",
            redis.Connection,
            {"host": "::1", "username": "user", "password": "p@ss", "db": 3},
        ),
        ("rediss://h?ssl_cert_reqs=none", redis.SSLConnection, {"host": "h", "ssl_cert_reqs": "none"}),
        (
            "unix:///s.sock?db=2&password=pw",
            redis.UnixDomainSocketConnection,
            {"path": "/s.sock", "password": "pw", "db": 2},
        ),
    ],
)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_broker_is_where_the_url_says_and_connections_are_bounded(
    url: str, kind: type[Any], expected: dict[str, Any], asynchronous: bool
) -> None:
    app = celery_app(url, prefix="p:", time_limit=5)
    connection: Any = app.connection_for_write().clone()
    made = Channel.__new__(connection.transport.Channel)
    made.connection = connection.transport
    made.address = connection.transport_options["address"]
    made.socket_timeout = 10
    params = made._connparams(asynchronous)
    assert issubclass(params["connection_class"], kind)
    assert params.items() >= {"socket_timeout": 10, **expected}.items()


def test_the_certificate_of_the_broker_is_verified_unless_the_url_says_no() -> None:
    assert redis.SSLConnection().cert_reqs == ssl.CERT_REQUIRED


def test_what_is_shown_of_where_the_broker_is_has_no_password() -> None:
    app = celery_app("redis://user:hush@h:6380/0", prefix="p:", time_limit=5)
    assert app.connection_for_read().as_uri() == "h:6380"


def test_applications_for_different_servers_share_no_connections() -> None:
    first, second = (
        celery_app(f"redis://h/{database}", prefix="p:", time_limit=5).connection_for_write() for database in (0, 1)
    )
    assert kombu.pools.connections[first] is not kombu.pools.connections[second]


def test_only_json_is_sent_and_accepted() -> None:
    conf = celery_app("redis://localhost", prefix="p:", time_limit=5).conf
    assert conf.accept_content == ["json"]
    assert conf.task_serializer == "json"


@pytest.mark.parametrize("time_limit", [5, 6000])
def test_a_message_comes_back_only_after_its_slice_must_have_ended_and_its_countdown_too(time_limit: int) -> None:
    conf = celery_app("redis://localhost", prefix="p:", time_limit=time_limit).conf
    assert conf.task_soft_time_limit < conf.task_time_limit < conf.broker_transport_options["visibility_timeout"]
    assert conf.broker_transport_options["visibility_timeout"] > MAX_COUNTDOWN
