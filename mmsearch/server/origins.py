"""Requests that other sites make a browser send are told by their headers, and refused."""

from __future__ import annotations

import re

from mmsearch.server.head import API, Head
from mmsearch.server.options import ServerOptions, is_loopback
from mmsearch.server.problems import Problem

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")


class HostCheck:
    """On the loopback only its own names are answered to.

    Without this, a site whose name is made to resolve to 127.0.0.1 (DNS rebinding) could read
    the index through its visitors' browsers.
    """

    def __init__(self, options: ServerOptions) -> None:
        self._any = not options.on_loopback
        self._allowed = frozenset(options.allowed_hosts)

    def __call__(self, head: Head) -> Problem | None:
        """None where the Host header is one of ours."""
        name = host_name(head.text(b"host") or "")
        if not name:
            return Problem(400, "the Host header is missing or malformed")
        if self._any or is_loopback(name) or name in self._allowed:
            return None
        return Problem(421, "this server does not answer to that Host (see --allowed-host)")


def check_origin(head: Head) -> Problem | None:
    """None where the request was not made by another site's page.

    Browsers say so themselves; programs send neither header. Reading the API across sites is
    refused too, so that `<img>` and `<script>` cannot probe it; following a link is not.
    """
    site = head.text(b"sec-fetch-site") or "none"
    foreign = site not in ("none", "same-origin")
    if head.changes_state:
        origin = head.text(b"origin")
        if foreign or not (origin is None or _same(origin, head.text(b"host") or "")):
            return Problem(403, "another site's page may not change anything here")
    elif foreign and head.path.startswith(API) and head.text(b"sec-fetch-mode") != "navigate":
        return Problem(403, "another site's page may not read this")
    return None


def host_name(host: str) -> str:
    """The name in a Host header, lower case, without port; `""` where it is malformed."""
    found = _HOST.fullmatch(host)
    return "" if found is None else found[1].lower().rstrip(".")


def _same(origin: str, host: str) -> bool:
    """Whether an Origin header is the site that the Host header names.

    The scheme is left out: a proxy in front may speak https where we see http.
    """
    return origin.partition("://")[2].lower() == host.lower()
