"""Requests to servers on this machine. None reads all certificates, which takes ten times as long as the request."""

import ssl
from functools import partial

import httpx

_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

request = partial(httpx.request, verify=_NO_CERTIFICATES)
get = partial(httpx.get, verify=_NO_CERTIFICATES)
post = partial(httpx.post, verify=_NO_CERTIFICATES)
delete = partial(httpx.delete, verify=_NO_CERTIFICATES)
