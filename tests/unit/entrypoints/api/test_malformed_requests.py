import json
from collections.abc import Mapping
from functools import partial
from urllib.parse import quote, urlencode

import anyio
import httpx
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.entrypoints.api.conftest import APPLIES, DESIRED, PATH, client_of, in_bytes

_texts = st.text(max_size=20) | st.sampled_from(["\ud800", "\0", "NaN", "1e999", "9" * 5000, "#", "@", "é" * 300])
_fields = st.sampled_from(["workspaces", "dry_run", "name", "usergroups", "handle", "users", "description", "channels"])
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.just(10**400) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_fields | _texts, inner, max_size=4),
    max_leaves=12,
)
_usergroups = st.fixed_dictionaries({"handle": _values, "users": _values}, optional={"channels": _values})
_near_misses = st.builds(
    lambda name, usergroups, more: {"workspaces": [{"name": name, "usergroups": usergroups}]} | more,
    st.just("coreos") | _values,
    st.lists(_usergroups, max_size=3) | _values,
    st.dictionaries(_fields | _texts, _values, max_size=2),
)
_bodies = st.binary(max_size=200) | st.builds(
    lambda value, cut: json.dumps(value).encode()[:cut], _values | _near_misses, st.none() | st.integers(0, 50)
)
_header_values = st.binary(max_size=40).map(lambda value: value.replace(b"\n", b"").replace(b"\r", b""))
_headers = st.dictionaries(
    st.sampled_from(["content-type", "authorization", "content-length", "x-correlation-id", "x-request-id", "accept"]),
    _header_values | st.sampled_from([b"application/json", b"Bearer a.b.c", b"99999999", b"-1"]),
    max_size=4,
)
_segments = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "X"]),
    segment=st.none() | _segments,
    query=st.dictionaries(st.sampled_from(["timeout", "x"]), _segments | st.just("NaN") | st.just("0"), max_size=2),
    headers=_headers,
    body=_bodies,
)
def test_no_request_makes_an_error_of_the_server(
    *, app: FastAPI, method: str, segment: str | None, query: dict[str, str], headers: dict[str, bytes], body: bytes
) -> None:
    url = f"http://api{PATH if segment is None else f'{PATH}/{quote(segment)}'}?{urlencode(query)}"
    answer = anyio.run(partial(_answer, app, method, url, {**APPLIES, **headers}, body))
    assert answer.status_code < 500
    assert answer.is_success or answer.headers["content-type"] == "application/problem+json"


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=_bodies | st.sampled_from([json.dumps(DESIRED).encode()]))
def test_no_body_makes_an_error_of_the_server(app: FastAPI, body: bytes) -> None:
    headers = APPLIES | {"content-type": "application/json"}
    answer = anyio.run(partial(_answer, app, "POST", f"http://api{PATH}", headers, body))
    assert answer.status_code in {202, 400, 413, 422}


async def _answer(
    app: FastAPI, method: str, url: str, headers: Mapping[str, str | bytes], body: bytes
) -> httpx.Response:
    async with client_of(app) as client:
        return await client.request(method, url, headers=in_bytes(headers), content=body)
