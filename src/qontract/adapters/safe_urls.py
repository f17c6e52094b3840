"""Where a token may be sent to, and where from keys may come."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def safe_url(url: str) -> str:
    """Return the URL of an API that a token may be sent to. Raises ValueError."""
    if urlsplit(url).query:
        raise ValueError("must be a URL with a host, and without a user, a query or a fragment")
    _check(url, "a token is sent there")
    return url


def check_trusted_url(url: str) -> str:
    """Return the URL of what is read from there and believed. Raises ValueError."""
    if urlsplit(url).scheme not in {"http", "https"}:
        raise ValueError("must begin with https")
    _check(url, "what comes from there is believed")
    return url


def _check(url: str, why: str) -> None:
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None or parts.fragment:
        raise ValueError("must be a URL with a host, and without a user, a query or a fragment")
    if parts.scheme != "https" and not _is_loopback(parts.hostname):
        raise ValueError(f"must begin with https, for {why}; http is for this machine alone")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
