"""The documentation as one page that needs nothing from anywhere else: no script, no foreign host."""

import json
from html import escape
from typing import Any

from serve.http_api.problems import ASTRAY
from serve.refusals import STANDINGS

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b }
code, pre { font: 14px/1.45 ui-monospace, monospace; background: #f3f3f1; border-radius: 4px }
code { padding: 0 .2em } pre { padding: .8rem; overflow-x: auto }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #ddd } h3 { margin-top: 2rem }
.method { display: inline-block; min-width: 3.2rem; font-weight: 700 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .3rem .6rem; vertical-align: top;
border-bottom: 1px solid #e5e5e5 }
summary { cursor: pointer }
"""


def docs_page(document: dict[str, Any]) -> str:
    """The OpenAPI document as HTML."""
    operations = "".join(
        _operation(path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    schemas = "".join(_schema(name, schema) for name, schema in document["components"]["schemas"].items())
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>{_paragraphs(info['description'])}"
        '<p>The same for machines: <a href="/openapi.json">/openapi.json</a></p>'
        f"<h2>Operations</h2>{operations}<h2>Bodies and replies</h2>{schemas}<h2>Refusals</h2>{_refusals()}"
        "</body></html>"
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    replies = "".join(
        f"<tr><td>{escape(status)}</td><td>{_lines(reply['description'])}{_links(reply)}</td></tr>"
        for status, reply in operation["responses"].items()
    )
    parameters = "".join(
        f"<li><code>{escape(parameter['name'])}</code> ({escape(parameter['in'])}"
        f"{', required' if parameter['required'] else ''}) {escape(parameter.get('description', ''))}</li>"
        for parameter in operation["parameters"]
    )
    operators = "<p>For operators only.</p>" if "security" in operation else ""
    body = f"<p>Body: {_links(operation['requestBody'])}</p>" if "requestBody" in operation else ""
    return (
        f'<h3 id="{escape(operation["operationId"])}"><span class="method">{escape(method.upper())}</span> '
        f"<code>{escape(path)}</code></h3><p>{_code(escape(operation['description']))}</p>{operators}<ul>{parameters}</ul>{body}"
        f"<details><summary>Replies</summary><table>{replies}</table></details>"
    )


def _schema(name: str, schema: dict[str, Any]) -> str:
    text = escape(json.dumps(schema, indent=2))
    return (
        f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary><pre>{text}</pre></details>'
    )


def _refusals() -> str:
    rows = "".join(
        f'<tr id="{reason.name}"><td><code>{reason.name}</code></td><td>{standing.http_status}</td>'
        f"<td>{standing.grpc_code.name}</td><td>{'yes' if standing.transient else 'no'}</td>"
        f"<td>{escape(standing.title)}</td></tr>"
        for reason, standing in STANDINGS.items()
    ) + "".join(
        f'<tr id="{code}"><td><code>{code}</code></td><td>{status}</td><td>UNIMPLEMENTED</td><td>no</td>'
        f"<td>{escape(title)}</td></tr>"
        for code, (status, title) in ASTRAY.items()
    )
    heads = "".join(f"<th>{head}</th>" for head in ("code", "HTTP", "gRPC", "transient", "meaning"))
    return f"<p>In order of precedence.</p><table><tr>{heads}</tr>{rows}</table>"


def _links(container: dict[str, Any]) -> str:
    """Links to the schemas of a body or reply, where there are any of its own."""
    names = {
        media["schema"]["$ref"].rpartition("/")[2]
        for media in container.get("content", {}).values()
        if "$ref" in media["schema"]
    }
    return " ".join(f'<a href="#schema-{name}"><code>{name}</code></a>' for name in sorted(names))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_code(escape(part))}</p>" for part in text.split("\n\n"))


def _lines(text: str) -> str:
    return "<br>".join(_code(escape(line.removeprefix("- "))) for line in text.splitlines()) + " "


def _code(text: str) -> str:
    """Backticks as code."""
    parts = text.split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
