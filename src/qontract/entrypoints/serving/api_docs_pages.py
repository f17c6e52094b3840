"""API documents as pages, of which nothing is loaded from elsewhere: they work where there is no internet."""

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
pre { background: #f5f5f5; padding: 1rem; overflow: auto } code { font-family: ui-monospace, monospace }
h2, h3 { margin-top: 2.5rem } td { padding: .2rem 1rem .2rem 0; vertical-align: top }
"""
STYLE_HASH = f"'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'"
"""What lets just this style through a content security policy."""


SWAGGER_FILES = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}
"""What a package ships of Swagger UI, and what kind each is."""

SWAGGER_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""What its page may load: nothing from elsewhere, and no script or style that stands in a document."""

SWAGGER_SCRIPT = """addEventListener("load", () => SwaggerUIBundle({
  url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null
}))
"""


def swagger_page(title: str) -> str:
    """Return the HTML of Swagger UI, at `docs`, with its files below `docs/`."""
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>
<link rel="icon" href="data:,"><link rel="stylesheet" href="docs/swagger-ui.css">
<div id="swagger-ui"></div><noscript>Without scripts: <a href="openapi.json">openapi.json</a></noscript>
<script src="docs/swagger-ui-bundle.js"></script><script src="docs/page.js"></script></html>"""


def swagger_file(name: str) -> bytes:
    """Return one of the files."""
    return files("fastapi_swagger").joinpath("resources", name).read_bytes()


def asyncapi_page(document: dict[str, Any], url: str) -> str:
    """Return the HTML of an AsyncAPI 3 document, found at `url`: channels, messages with example and schema."""
    channels = "".join(
        f"<tr><td><code>{escape(channel['address'])}</code><td>{escape(channel.get('description') or '')}"
        for channel in document["channels"].values()
    )
    schemas = document["components"]["schemas"]
    messages = "".join(_message(message, schemas) for message in document["components"]["messages"].values())
    body = f"<h2>Channels</h2><table>{channels}</table><h2>Messages</h2>{messages}"
    return _page(document["info"], f"AsyncAPI {document['asyncapi']}", url, body)


def _message(message: dict[str, Any], schemas: dict[str, Any]) -> str:
    name, summary = escape(message.get("name") or message["title"]), escape(message.get("summary", ""))
    data = message["payload"].get("properties", {}).get("data", message["payload"])
    schema = schemas.get(data.get("$ref", "").rpartition("/")[2], data)
    examples = "".join(_code(example["payload"]) for example in message.get("examples", ()))
    return f"<h3><code>{name}</code></h3><p>{summary}</p>{examples}{_details('Schema of data', schema)}"


def _page(info: dict[str, Any], kind: str, url: str, body: str) -> str:
    title = f"{escape(info['title'])} {escape(info['version'])}"
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f'{head}<h1>{title}</h1><p><a href="{escape(url)}">{escape(kind)}</a></p>{body}</html>'


def _details(summary: str, value: Any) -> str:
    return f"<details><summary>{escape(summary)}</summary>{_code(value)}</details>"


def _code(value: Any) -> str:
    return f"<pre><code>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</code></pre>"
