"""Who is let in: a token in the header for programs, a cookie for the page."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from mmsearch.server.head import API, Head
from mmsearch.server.limits import Buckets, client_group, too_many
from mmsearch.server.problems import Problem

COOKIE = "mmsearch_session"
SESSION_S = 7 * 24 * 3600

_MAX_SESSIONS = 1000
_GUESSES_BURST, _GUESSES_A_SECOND = 30, 1.0
_OPEN_PATHS = frozenset(("/", "/login", "/logout", f"{API}/health", f"{API}/ready"))
"""What needs no login. `/` holds no data, and sends to the login itself."""
_OPEN_BELOW = "/static/"


class Sessions:
    """Logged-in browsers, by the digest of a random id; forgotten when the server stops.

    Looking up a digest, not the id, makes the time it takes say nothing about any id.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ends: OrderedDict[bytes, float] = OrderedDict()

    def start(self) -> str:
        """The id of a new session."""
        session_id = secrets.token_urlsafe(32)
        self._ends[_digest(session_id)] = self._clock() + SESSION_S
        if len(self._ends) > _MAX_SESSIONS:
            self._ends.popitem(last=False)
        return session_id

    def knows(self, session_id: str | None) -> bool:
        """Whether a session is open."""
        if session_id is None:
            return False
        return self._ends.get(_digest(session_id), 0.0) > self._clock()

    def end(self, session_id: str | None) -> None:
        """End a session; an unknown one is ended already."""
        if session_id is not None:
            self._ends.pop(_digest(session_id), None)


class Auth:
    """Lets in who shows the token, or a session that was opened with it."""

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else _digest(token)
        self.sessions = Sessions()
        self._guesses = Buckets(_GUESSES_A_SECOND, _GUESSES_BURST)

    @property
    def needed(self) -> bool:
        """Whether there is a token to show."""
        return self._token is not None

    def __call__(self, head: Head) -> Problem | None:
        """None where the request may go on."""
        if self._token is None or head.path in _OPEN_PATHS or head.path.startswith(_OPEN_BELOW):
            return None
        shown = _bearer(head)
        if shown is not None:
            return self.refusal(shown, head.client)
        return None if self.knows(head) else _unauthorised("log in, or send the token")

    def knows(self, head: Head) -> bool:
        """Whether a request comes from a browser that has logged in, or none has to."""
        return self._token is None or self.sessions.knows(head.cookie(COOKIE))

    def refusal(self, token: str, client: str) -> Problem | None:
        """None for the right token; each wrong one costs its client a guess.

        Digests of equal length are compared, in constant time.
        """
        group = client_group(client)
        wait_s = self._guesses.wait(group)
        if wait_s:
            return too_many(wait_s)
        if self._token is None or hmac.compare_digest(_digest(token), self._token):
            return None
        self._guesses.take(group)
        return _unauthorised("this is not the token")


def _bearer(head: Head) -> str | None:
    """The token in the Authorization header."""
    scheme, _, value = (head.text(b"authorization") or "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else None


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _unauthorised(detail: str) -> Problem:
    return Problem(401, detail, headers={"WWW-Authenticate": 'Bearer realm="mmsearch"'})
