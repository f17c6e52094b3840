"""Where Redis is, as a URL says it."""

import pytest

from qontract.domain.server_address import ServerAddress, server_address

SECRET = "hush-hush"


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "redis://user:pw@h:6380/1?socket_keepalive=yes",
        "rediss://[::1]:6379/0",
        "unix:///run/redis.sock?db=2",
    ],
)
def test_a_url_of_one_server_stays_as_it_is(url: str) -> None:
    assert server_address(url) == ServerAddress(url)


def test_sentinels_are_asked_for_a_name_and_what_is_left_is_for_the_primary() -> None:
    assert server_address("redis+sentinel://user:p%40w@h1:26380,h2/the-primary/3?socket_keepalive=1") == ServerAddress(
        "redis://user:p%40w@h1:26380/3?socket_keepalive=1",
        ("redis://h1:26380", "redis://h2:26379"),
        "the-primary",
    )


def test_sentinels_have_their_own_password_and_the_same_tls_as_the_primary() -> None:
    url = "rediss+sentinel://:pw@[::1]/main/?ssl_ca_certs=/ca.pem&sentinel_username=who&sentinel_password=a%2Fb"
    assert server_address(url) == ServerAddress(
        "rediss://:pw@[::1]:26379/0?ssl_ca_certs=%2Fca.pem",
        ("rediss://who:a%2Fb@[::1]:26379?ssl_ca_certs=%2Fca.pem",),
        "main",
    )


def test_sentinels_may_have_a_password_without_a_user_and_the_primary_no_options() -> None:
    address = server_address("redis+sentinel://h1/main?sentinel_password=pw")
    assert address == ServerAddress("redis://h1:26379/0", ("redis://:pw@h1:26379",), "main")


@pytest.mark.parametrize("end", ["", "/", "/0"])
def test_nodes_of_a_cluster_have_hosts_and_ports_and_what_is_left_is_for_each_of_them(end: str) -> None:
    assert server_address(f"rediss+cluster://user:p%40w@h1:7000,[::1]{end}?ssl_ca_certs=/ca.pem") == ServerAddress(
        "rediss://user:p%40w@h1:7000/0?ssl_ca_certs=/ca.pem", nodes=(("h1", 7000), ("::1", 6379))
    )


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"redis://:{SECRET}@redis-1:6380/0", "redis-1:6380"),
        (f"rediss://user:{SECRET}@redis-1", "redis-1:6379"),
        ("redis://[::1]:6380", "[::1]:6380"),
        ("unix:///run/redis.sock", "/run/redis.sock"),
        (f"redis+cluster://:{SECRET}@h1:1,[::1]", "the cluster of h1:1, [::1]:6379"),
        (
            f"redis+sentinel://:{SECRET}@h1:1,h2/main?sentinel_password={SECRET}",
            "main at the Sentinels h1:1, h2:26379",
        ),
    ],
)
def test_what_is_shown_of_it_has_no_password(url: str, shown: str) -> None:
    address = server_address(url)
    assert str(address) == shown
    assert SECRET not in repr(address)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"http://:{SECRET}@h", "must begin with redis://"),
        (SECRET, "must begin with redis://"),
        (f"sentinel://:{SECRET}@h:26379", "redis[+]sentinel:// or redis[+]cluster://"),
        (f"redis://:{SECRET}/x@h:6379/0", "%2F"),
        (f"redis://:{SECRET}@h:0", "port 0"),
        (f"redis://:{SECRET}@h1,h2/0", "names several hosts"),
        (f"redis://:{SECRET}@h/zero", "number of a database"),
        (f"unix://{SECRET}", "names no file"),
        (f"redis+sentinel://:{SECRET}@h:26379", "must have the form"),
        (f"redis+sentinel://:{SECRET}@h:26379/", "must have the form"),
        (f"redis+sentinel://:{SECRET}/x@h:26379/main", "%2F"),
        (f"redis+sentinel://:{SECRET}@h:26379,/main", "must have the form"),
        (f"redis+sentinel://:{SECRET}@::1/main", "must have the form"),
        (f"redis+sentinel://:{SECRET}@h/main/zero", "must have the form"),
        (f"redis+sentinel://:{SECRET}@h:65536/main", "1 to 65535"),
        (f"redis+cluster://:{SECRET}@h/1", "no database but 0"),
        (f"redis+cluster://:{SECRET}@h,/0", "must have the form redis[+]cluster"),
        (f"redis+cluster://:{SECRET}/x@h", "%2F"),
        (f"redis+cluster://:{SECRET}@h:0", "1 to 65535"),
    ],
    ids=lambda text: text[:30],
)
def test_a_wrong_url_is_refused_in_one_line_that_repeats_nothing_of_it(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        server_address(url)
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)
