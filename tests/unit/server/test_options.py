"""A server opens no door that nobody asked it to open."""

from __future__ import annotations

import pytest

from mmsearch.config import load_settings
from mmsearch.errors import ConfigError
from mmsearch.server.options import ServerOptions, is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "[::1]", "localhost"])
def test_the_loopback_needs_no_token(host: str) -> None:
    assert ServerOptions.of(load_settings(host=host)).on_loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "photos.example", ""])  # noqa: S104 - to be refused
def test_any_other_host_needs_one(host: str) -> None:
    assert not is_loopback(host)
    if host:
        with pytest.raises(ConfigError, match="--token"):
            ServerOptions.of(load_settings(host=host))
        assert ServerOptions.of(load_settings(host=host, token="abc")).token == "abc"  # noqa: S105, S106 - of a test
        assert ServerOptions.of(load_settings(host=host), no_auth=True).token is None


def test_a_token_and_no_login_contradict_each_other() -> None:
    with pytest.raises(ConfigError, match="contradict"):
        ServerOptions.of(load_settings(token="abc"), no_auth=True)  # noqa: S106 - of a test


def test_the_environment_may_hold_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MMSEARCH_TOKEN", "from outside")
    settings = load_settings()
    assert ServerOptions.of(settings).token == "from outside"  # noqa: S105 - of a test
    assert "from outside" not in repr(settings)
