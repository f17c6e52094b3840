"""The AsyncAPI document as a page: no script, nothing loaded from elsewhere, nothing to press."""

import json
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
pre { background: #f5f5f5; padding: 1rem; overflow: auto } code { font-family: ui-monospace, monospace }
h2, h3 { margin-top: 2.5rem } table { border-collapse: collapse } td { padding: .2rem 1rem .2rem 0 }
"""


def page(document: dict[str, Any]) -> str:
    """Return the HTML of an AsyncAPI 3.0 document: its channels, and each message with an example and its schema."""
    info, components = document["info"], document["components"]
    channels = "".join(_channel(channel) for channel in document["channels"].values())
    messages = "".join(_message(message, components["schemas"]) for message in components["messages"].values())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])} events</title>'
        f"<style>{_STYLE}</style><h1>{escape(info['title'])} {escape(info['version'])}</h1>"
        f'<p>{escape(info.get("description", ""))}. <a href="asyncapi.json">AsyncAPI {document["asyncapi"]}</a></p>'
        f"<h2>Channels</h2><table>{channels}</table><h2>Messages</h2>{messages}</html>"
    )


def _channel(channel: dict[str, Any]) -> str:
    address, description = escape(channel["address"]), escape(channel.get("description") or "")
    return f"<tr><td><code>{address}</code></td><td>{description}</td></tr>"


def _message(message: dict[str, Any], schemas: dict[str, Any]) -> str:
    name, summary = escape(message.get("name") or message["title"]), escape(message.get("summary", ""))
    payload = message["payload"]
    data = payload.get("properties", {}).get("data", payload)
    schema = schemas.get(data.get("$ref", "").rpartition("/")[2], data)
    examples = "".join(_code(example["payload"]) for example in message.get("examples", ()))
    details = f"<details><summary>Schema of <code>data</code></summary>{_code(schema)}</details>"
    return f"<h3><code>{name}</code></h3><p>{summary}</p>{examples}{details}"


def _code(value: Any) -> str:
    return f"<pre><code>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</code></pre>"
