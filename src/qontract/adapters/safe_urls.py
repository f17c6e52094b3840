"""Where a token may be sent to."""

from ipaddress import ip_address
from urllib.parse import urlsplit


def safe_url(url: str) -> str:
    """Return the URL of an API that a token may be sent to. Raises ValueError."""
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise ValueError("must be a URL with a host, and without a user, a query or a fragment")
    if parts.scheme != "https" and not _is_loopback(parts.hostname):
        raise ValueError("must begin with https, for a token is sent there; http is for this machine alone")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
