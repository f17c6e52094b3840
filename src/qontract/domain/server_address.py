"""The address of Redis in a URL: one server, a primary that Sentinels know, or the nodes of a cluster."""

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

SENTINEL_PORT = 26379
REDIS_PORT = 6379

_FORMS = "redis://, rediss:// or unix://; redis+sentinel:// or redis+cluster://, or rediss+ in place of redis+"
_NO_URL = "is no URL; in a password, write / : @ # as %2F %3A %40 %23"
_SENTINEL_FORM = "must have the form redis+sentinel://user:password@host:26379,host:26379/NAME/0"
_CLUSTER_FORM = "must have the form redis+cluster://user:password@host:6379,host:6379, and no database but 0"
_HIGHEST_PORT = 65535
_SENTINELS = re.compile(
    r"(?P<scheme>rediss?)\+sentinel://(?:(?P<user>[^@/?#]*)@)?(?P<hosts>[^@/?#]+)"
    r"/(?P<name>[^/?#]+)(?:/(?P<db>[0-9]*))?(?:\?(?P<query>[^#]*))?"
)
_CLUSTER = re.compile(
    r"(?P<scheme>rediss?)\+cluster://(?:(?P<user>[^@/?#]*)@)?(?P<hosts>[^@/?#]+)(?:/0?)?(?:\?(?P<query>[^#]*))?"
)
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:\s]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True)
class ServerAddress:
    """The address of the primary.

    - Without `sentinels` and `nodes`, it is `url`.
    - With `sentinels`, the first of them that answers says where the primary `name` is; each of them is a URL too.
    - With `nodes`, hosts and ports of a cluster, any of them says which node has the keys.
    - In the last two cases, `url` has the rest: user, password, database, options. All URLs may contain passwords.
    """

    url: str = field(repr=False)
    sentinels: tuple[str, ...] = field(default=(), repr=False)
    name: str = ""
    nodes: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        """Return the address without user and password."""
        if self.sentinels:
            return f"{self.name} at the Sentinels {', '.join(map(_place, self.sentinels))}"
        if self.nodes:
            return f"the cluster of {', '.join(_shown(*node) for node in self.nodes)}"
        return _place(self.url)


def server_address(url: str) -> ServerAddress:
    """Return the address in the URL. Raises ValueError; the message says what is wrong, without a part of the URL."""
    scheme = url.partition("://")[0]
    if scheme in ("redis+sentinel", "rediss+sentinel"):
        return _behind_sentinels(url)
    if scheme in ("redis+cluster", "rediss+cluster"):
        return _on_cluster(url)
    if scheme not in ("redis", "rediss", "unix"):
        raise ValueError(f"must begin with {_FORMS}")
    try:
        parts = urlsplit(url)
        port, path = parts.port, parts.path
    except ValueError:
        raise ValueError(_NO_URL) from None
    if port == 0:
        raise ValueError("has port 0: nothing listens there")
    if scheme == "unix" and not path:
        raise ValueError("names no file: unix:///path/of/the/socket")
    if "," in parts.netloc.rpartition("@")[2]:
        raise ValueError(f"names several hosts; of Sentinels, it {_SENTINEL_FORM}; of a cluster, it {_CLUSTER_FORM}")
    if scheme != "unix" and not re.fullmatch(r"(/[0-9]*)?", path):
        raise ValueError("must end with the number of a database, such as /0, or with the port")
    return ServerAddress(url)


def _behind_sentinels(url: str) -> ServerAddress:
    found, places = _parsed(url, _SENTINELS, SENTINEL_PORT, _SENTINEL_FORM)
    options = dict(parse_qsl(found["query"] or "", keep_blank_values=True))
    user, password = options.pop("sentinel_username", ""), options.pop("sentinel_password", "")
    theirs = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
    tls = urlencode({name: value for name, value in options.items() if name.startswith("ssl_")})
    scheme, ours = found["scheme"], f"{found['user']}@" if found["user"] else ""
    return ServerAddress(
        f"{scheme}://{ours}{places[0]}/{found['db'] or 0}?{urlencode(options)}".removesuffix("?"),
        tuple(f"{scheme}://{theirs}{place}?{tls}".removesuffix("?") for place in places),
        unquote(found["name"]),
    )


def _on_cluster(url: str) -> ServerAddress:
    found, places = _parsed(url, _CLUSTER, REDIS_PORT, _CLUSTER_FORM)
    ours, query = f"{found['user']}@" if found["user"] else "", f"?{found['query']}" if found["query"] else ""
    nodes = [place.rpartition(":") for place in places]
    return ServerAddress(
        f"{found['scheme']}://{ours}{places[0]}/0{query}",
        nodes=tuple((host.strip("[]"), int(port)) for host, _, port in nodes),
    )


def _parsed(url: str, pattern: re.Pattern[str], port: int, form: str) -> tuple[re.Match[str], list[str]]:
    """Return the parts of the URL, and each host with its port. Raises ValueError; the message shows the right form."""
    found = pattern.fullmatch(url)
    hosts = [_HOST.fullmatch(host) for host in found["hosts"].split(",")] if found else []
    if found is None or not all(hosts):
        raise ValueError(f"{form}; {_NO_URL.partition('; ')[2]}")
    places = [f"{host['host']}:{host['port'] or port}" for host in hosts if host]
    if any(not 0 < int(place.rpartition(":")[2]) <= _HIGHEST_PORT for place in places):
        raise ValueError(f"has a port that is none: 1 to {_HIGHEST_PORT}")
    return found, places


def _place(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    return _shown(parts.hostname or "localhost", parts.port or REDIS_PORT)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
