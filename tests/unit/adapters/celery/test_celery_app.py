import ssl

import pytest
from kombu import Connection

from qontract.adapters.celery.celery_app import broker_url, celery_app
from qontract.adapters.celery.messages import LONGEST_COUNTDOWN


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/0"),
        ("redis://user:p%40ss@h/3", "redis://user:p%40ss@h/3"),
        ("rediss://:pw@h:6380/1", "rediss://:pw@h:6380/1?ssl_cert_reqs=required"),
        ("rediss://h?ssl_cert_reqs=none", "rediss://h?ssl_cert_reqs=none"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
        ("unix://:pw@/run/redis.sock?db=2", "redis+socket://:pw@/run/redis.sock?virtual_host=2"),
    ],
)
def test_a_url_keeps_its_meaning_for_the_broker(url: str, expected: str) -> None:
    assert broker_url(url) == expected


@pytest.mark.parametrize(("query", "verified"), [("", ssl.CERT_REQUIRED), ("?ssl_cert_reqs=none", ssl.CERT_NONE)])
def test_the_certificate_of_the_broker_is_verified_unless_the_url_says_no(query: str, verified: ssl.VerifyMode) -> None:
    assert Connection(broker_url(f"rediss://h/0{query}")).ssl == {"ssl_cert_reqs": verified}


def test_only_json_is_sent_and_accepted() -> None:
    conf = celery_app("redis://localhost", prefix="p:", time_limit=5).conf
    assert conf.accept_content == ["json"]
    assert conf.task_serializer == "json"


@pytest.mark.parametrize("time_limit", [5, 6000])
def test_a_message_comes_back_only_after_its_slice_must_have_ended_and_its_countdown_too(time_limit: int) -> None:
    conf = celery_app("redis://localhost", prefix="p:", time_limit=time_limit).conf
    assert conf.task_soft_time_limit < conf.task_time_limit < conf.broker_transport_options["visibility_timeout"]
    assert conf.broker_transport_options["visibility_timeout"] > LONGEST_COUNTDOWN
