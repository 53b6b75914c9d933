"""Requests to a server, and its refusals as the errors they stand for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel, ValidationError

from mmsearch.errors import ConfigError, MmsearchError, RemoteError

API = "/api/v1"
URN = "urn:mmsearch:"

_ERRORS: Mapping[str, type[MmsearchError]] = {
    error.__name__: error for error in MmsearchError.__subclasses__()
}
_TRIES = 4
_LONGEST_WAIT_S = 5.0
_LOCAL_NAMES = frozenset(("localhost", "127.0.0.1", "::1"))

Shape = TypeVar("Shape", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Upload:
    """Bytes to send as they are."""

    data: bytes


class Wire:
    """One server: sends requests, gives answers as their shapes, raises what it refuses."""

    def __init__(self, url: str, token: str | None, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"'{url}' is no address of a server: give http://HOST:PORT")
        self.url = url.rstrip("/")
        self._client = httpx2.Client(
            base_url=self.url,
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
            timeout=timeout_s,
            # A proxy that the environment names cannot reach this machine's own addresses.
            trust_env=parts.hostname not in _LOCAL_NAMES,
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def get(
        self, path: str, shape: type[Shape], parameters: Mapping[str, str] | None = None
    ) -> Shape:
        """The answer to GET."""
        return self._understood(self._send("GET", path, parameters or {}), shape)

    def get_bytes(self, path: str, parameters: Mapping[str, str] | None = None) -> bytes:
        """The bytes that GET answers."""
        return self._send("GET", path, parameters or {}).content

    def post(self, path: str, body: Mapping[str, object] | Upload, shape: type[Shape]) -> Shape:
        """The answer to POST, of JSON or of bytes."""
        return self._understood(self._send("POST", path, {}, body), shape)

    def delete(self, path: str, shape: type[Shape]) -> Shape:
        """The answer to DELETE."""
        return self._understood(self._send("DELETE", path, {}), shape)

    @contextmanager
    def events(self, path: str) -> Iterator[Iterator[httpx2.ServerSentEvent]]:
        """The events of a stream, while the `with` block lasts."""
        with self._reaching(), self._client.stream("GET", API + path) as response:
            if response.status_code != 200:
                response.read()
                raise self._refusal(response)
            yield iter(httpx2.EventSource(response))

    def _send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        body: Mapping[str, object] | Upload | None = None,
    ) -> httpx2.Response:
        """A good response; one that asks for patience is asked again.

        Raises:
            MmsearchError: The class that the server's problem names, else RemoteError.
        """
        content = body.data if isinstance(body, Upload) else None
        headers = {} if content is None else {"Content-Type": "application/octet-stream"}
        for left in reversed(range(_TRIES)):
            with self._reaching():
                response = self._client.request(
                    method,
                    API + path,
                    params=dict(parameters),
                    content=content,
                    json=None if isinstance(body, Upload) else body,
                    headers=headers,
                )
            if response.is_success:
                return response
            if "retry-after" not in response.headers or not left:
                break
            time.sleep(_patience(response))
        raise self._refusal(response)

    def _refusal(self, response: httpx2.Response) -> MmsearchError:
        """The error that a response stands for."""
        try:
            problem = _Problem.model_validate_json(response.content)
        except ValidationError:
            return RemoteError(f"{self.url} answered {response.status_code}: is it mmsearch?")
        error = error_of(problem.type, problem.detail)
        if error is not None:
            return error
        if response.status_code == 401:
            return RemoteError(f"{self.url} wants its token: connect(url, token=…)")
        return RemoteError(f"{self.url} refused: {problem.detail}")

    def _understood(self, response: httpx2.Response, shape: type[Shape]) -> Shape:
        try:
            return shape.model_validate_json(response.content)
        except ValidationError as exc:
            raise RemoteError(
                f"{self.url} answers in a way this version does not understand: "
                "use equal versions of mmsearch"
            ) from exc

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        """Turn what goes wrong on the way into one clear line."""
        try:
            yield
        except httpx2.TimeoutException as exc:
            raise RemoteError(f"{self.url} did not answer in time") from exc
        except httpx2.HTTPError as exc:
            raise RemoteError(
                f"{self.url} cannot be reached ({exc}): does 'mmsearch serve' run there?"
            ) from exc


def error_of(kind: str, detail: str) -> MmsearchError | None:
    """The error that a problem of this type stands for; None: the type names none."""
    error = _ERRORS.get(kind.removeprefix(URN))
    return None if error is None else error(detail)


class _Problem(BaseModel):
    """What a refusal must hold."""

    type: str
    detail: str


def _patience(response: httpx2.Response) -> float:
    """Seconds to wait before asking again."""
    try:
        asked = float(response.headers.get("retry-after", "1"))
    except ValueError:
        asked = 1.0
    return min(max(asked, 0.0), _LONGEST_WAIT_S)
