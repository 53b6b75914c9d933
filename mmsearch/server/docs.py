"""The API's description as a page for people: no script, nothing from outside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request, Response

from mmsearch.server.head import API

_STYLE = "docs.css"


class DocsRoutes:
    """`/api/v1/docs`."""

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        router.add_api_route(f"{API}/docs", self.page, methods=["GET"])
        router.add_api_route(f"{API}/{_STYLE}", self.style, methods=["GET"])

    async def page(self, request: Request) -> Response:
        """The page, made from the description."""
        return Response(docs_html(request.app.openapi()), media_type="text/html; charset=utf-8")

    async def style(self) -> Response:
        """The page's style sheet."""
        css = (files("mmsearch.server") / _STYLE).read_bytes()
        return Response(css, media_type="text/css; charset=utf-8")


def docs_html(schema: dict[str, Any]) -> str:
    """The whole page."""
    info = schema["info"]
    paragraphs = "".join(f"<p>{_text(part)}</p>" for part in info["description"].split("\n\n"))
    operations = "".join(
        _operation(method, path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    )
    models = "".join(_model(name, model) for name, model in schema["components"]["schemas"].items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>mmsearch API</title>'
        f'<link rel="stylesheet" href="{API}/{_STYLE}"></head><body><main>'
        f"<h1>mmsearch API <small>{_text(info['version'])}</small></h1>{paragraphs}"
        f'<p>For programs: <a href="{API}/openapi.json">openapi.json</a>.</p>'
        f"<h2>Requests</h2>{operations}<h2>Shapes</h2>{models}</main></body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    """One request: what it does, what it takes, what it answers."""
    says = operation.get("description") or operation.get("summary", "")
    takes = "".join(_parameter(one) for one in operation.get("parameters", ()))
    bodies = "".join(
        f"<tr><td>body</td><td>{_text(kind)}</td><td>{_type(content.get('schema', {}))}</td></tr>"
        for kind, content in operation.get("requestBody", {}).get("content", {}).items()
    )
    gives = "".join(_answer(status, one) for status, one in operation["responses"].items())
    return (
        f"<section><h3><code>{method.upper()}</code> {_text(path)}</h3><p>{_text(says)}</p>"
        f"<table>{takes}{bodies}{gives}</table></section>"
    )


def _parameter(parameter: dict[str, Any]) -> str:
    """A parameter as a row."""
    schema = parameter["schema"]
    says = parameter.get("description") or schema.get("description", "")
    usual = f" (usually {_text(schema['default'])})" if schema.get("default") else ""
    return (
        f"<tr><td>{_text(parameter['in'])}</td><td><code>{_text(parameter['name'])}</code></td>"
        f"<td>{_type(schema)}{usual}. {_text(says)}</td></tr>"
    )


def _answer(status: str, answer: dict[str, Any]) -> str:
    """An answer as a row."""
    kinds = ", ".join(
        f"{_text(kind)} {_type(content.get('schema', {}))}"
        for kind, content in answer.get("content", {}).items()
    )
    says = _text(answer.get("description", ""))
    return f"<tr><td>answer</td><td>{_text(status)}</td><td>{says} {kinds}</td></tr>"


def _model(name: str, model: dict[str, Any]) -> str:
    """A shape with its members."""
    rows = "".join(
        f"<tr><td><code>{_text(member)}</code></td><td>{_type(schema)}</td>"
        f"<td>{_text(schema.get('description', ''))}</td></tr>"
        for member, schema in model.get("properties", {}).items()
    )
    says = _text(model.get("description", ""))
    anchor = escape(name, quote=True)
    return (
        f'<section id="{anchor}"><h3>{_text(name)}</h3><p>{says}</p><table>{rows}</table></section>'
    )


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words; a shape of its own as a link to it."""
    return " or ".join(_types(schema)) or "anything"


def _types(schema: dict[str, Any]) -> Iterator[str]:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2], quote=True)
        yield f'<a href="#{name}">{name}</a>'
    elif "enum" in schema or "const" in schema:
        yield from (_text(json.dumps(one)) for one in schema.get("enum", [schema.get("const")]))
    elif schema.get("type") == "array":
        yield f"list of {_type(schema.get('items', {}))}"
    elif "type" in schema:
        bounds = {"minimum": "from", "exclusiveMinimum": "above", "maximum": "to"}
        limits = [f"{word} {schema[key]}" for key, word in bounds.items() if key in schema]
        yield _text(" ".join([schema.get("format", schema["type"]), *limits]))
    for one in schema.get("anyOf", ()):
        yield from _types(one)


def _text(value: object) -> str:
    return escape(str(value), quote=True)
