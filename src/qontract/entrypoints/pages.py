"""API documents as pages: no script, nothing loaded from elsewhere, nothing to press."""

import json
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
pre { background: #f5f5f5; padding: 1rem; overflow: auto } code { font-family: ui-monospace, monospace }
h2, h3 { margin-top: 2.5rem } td { padding: .2rem 1rem .2rem 0; vertical-align: top }
"""


def openapi_page(document: dict[str, Any], url: str) -> str:
    """Return the HTML of an OpenAPI 3 document, found at `url`: each operation, and the schemas."""
    operations = "".join(
        f"<h2><code>{escape(method.upper())} {escape(path)}</code></h2>"
        f"<p>{escape(operation.get('description', ''))}</p>{_details('Parameters, body and answers', operation)}"
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    schemas = "".join(
        f"<h3><code>{escape(name)}</code></h3>{_code(schema)}"
        for name, schema in document.get("components", {}).get("schemas", {}).items()
    )
    return _page(document["info"], f"OpenAPI {document['openapi']}", url, f"{operations}<h2>Schemas</h2>{schemas}")


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
