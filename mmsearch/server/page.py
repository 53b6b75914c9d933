"""The page and the login: static files from memory, a form, a cookie."""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, quote

from blake3 import blake3
from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from mmsearch.server.auth import COOKIE, SESSION_S
from mmsearch.server.head import Head
from mmsearch.server.problems import Problem, Refused

if TYPE_CHECKING:
    from mmsearch.server.services import Services

_TYPES: Mapping[str, str] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "ico": "image/x-icon",
    "woff2": "font/woff2",
    "webmanifest": "application/manifest+json",
    "txt": "text/plain; charset=utf-8",
}
_NEVER = re.compile(r"q=0(\.0*)?")
_INDEX, _LOGIN = "index.html", "login.html"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file of the page, plain and packed with gzip, with its type and the plain entity tag."""

    content: bytes
    packed: bytes
    media_type: str
    tag: str

    @classmethod
    def of(cls, content: bytes, media_type: str) -> Self:
        """The file of these bytes."""
        packed = gzip.compress(content, mtime=0)
        return cls(content, packed, media_type, blake3(content).hexdigest(16))

    def response(self, request: Request) -> Response:
        """The file, packed where the client takes that; or word that it has not changed."""
        packs = _takes_gzip(request.headers.get("accept-encoding", ""))
        etag = f'"{self.tag}-gzip"' if packs else f'"{self.tag}"'
        headers = {"ETag": etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        if request.headers.get("if-none-match") == etag:
            return Response(None, 304, headers)
        if packs:
            headers["Content-Encoding"] = "gzip"
        body = self.packed if packs else self.content
        return Response(body, 200, headers, media_type=self.media_type)


def static_files() -> dict[str, StaticFile]:
    """All files of the page by their path below `static`; read once, so no path is resolved."""
    return dict(_walk(files("mmsearch.server") / "static", ""))


class PageRoutes:
    """`/`, `/static`, `/login` and `/logout`."""

    def __init__(self, services: Services) -> None:
        self._auth = services.auth
        self._files = static_files()

    def add_to(self, router: APIRouter) -> None:
        """Add the routes; they are for browsers, and so not in the API's description."""
        router.add_api_route("/", self.index, methods=["GET"])
        router.add_api_route("/static/{name:path}", self.static, methods=["GET"])
        router.add_api_route("/login", self.login_form, methods=["GET"])
        router.add_api_route("/login", self.login, methods=["POST"])
        router.add_api_route("/logout", self.logout, methods=["POST"])

    async def index(self, request: Request) -> Response:
        """The page. It holds no data, so one who follows a link from elsewhere may have it.

        A SameSite=Strict cookie does not come with such a request; the page's own calls have it.
        """
        from_elsewhere = request.headers.get("sec-fetch-site", "none") not in (
            "none",
            "same-origin",
        )
        if from_elsewhere or self._auth.knows(Head.of(request.scope)):
            return self._file(_INDEX).response(request)
        query = f"?{request.url.query}" if request.url.query else ""
        return RedirectResponse(f"/login?next={quote('/' + query, safe='')}", 303)

    async def static(self, request: Request, name: str) -> Response:
        """A file of the page."""
        return self._file(name).response(request)

    async def login_form(self, request: Request) -> Response:
        """The login; whoever needs none is sent on."""
        if self._auth.knows(Head.of(request.scope)):
            return RedirectResponse(_local(request.query_params.get("next", "/")), 303)
        return self._file(_LOGIN).response(request)

    async def login(self, request: Request) -> Response:
        """Open a session for the right token."""
        fields = await _form(request)
        target = _local(fields.get("next", "/"))
        head = Head.of(request.scope)
        problem = self._auth.refusal(fields.get("token", ""), head.client)
        if problem is not None:
            if problem.status != 401:
                raise Refused(problem)
            return RedirectResponse(f"/login?failed=1&next={quote(target, safe='')}", 303)
        answer = RedirectResponse(target, 303)
        if self._auth.needed:
            answer.set_cookie(
                COOKIE,
                self._auth.sessions.start(),
                max_age=SESSION_S,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )
        return answer

    async def logout(self, request: Request) -> Response:
        """End the session."""
        self._auth.sessions.end(Head.of(request.scope).cookie(COOKIE))
        answer = RedirectResponse("/login", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    def _file(self, name: str) -> StaticFile:
        file = self._files.get(name)
        if file is None:
            raise Refused(Problem(404, "there is no such file"))
        return file


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, StaticFile]]:
    found: list[tuple[str, StaticFile]] = []
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        kind = _TYPES.get(entry.name.rpartition(".")[2])
        if entry.is_dir():
            found += _walk(entry, f"{name}/")
        elif kind is not None:
            found.append((name, StaticFile.of(entry.read_bytes(), kind)))
    return found


def _takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding names gzip, and does not refuse it."""
    offers = [offer.replace(" ", "").lower().partition(";") for offer in accepted.split(",")]
    return any(name == "gzip" and not _NEVER.fullmatch(weight) for name, _, weight in offers)


def _local(target: str) -> str:
    """A path of this site to go on to; anything that might lead elsewhere becomes `/`."""
    plain = target.isascii() and target.isprintable() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"


async def _form(request: Request) -> dict[str, str]:
    """The first value of each field of a URL-encoded form."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise Refused(Problem(415, "send the form as application/x-www-form-urlencoded"))
    text = (await request.body()).decode("utf-8", "replace")
    try:
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=10)
    except ValueError as exc:
        raise Refused(Problem(422, "the form has too many fields")) from exc
    return {name: values[0] for name, values in fields.items()}
