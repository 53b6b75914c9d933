"""How a server is to run, checked before anything is opened."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from mmsearch.errors import ConfigError

if TYPE_CHECKING:
    from mmsearch.config import Settings


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where to listen, whom to let in, how much to take.

    `allowed_hosts` are Host names to accept beside the loopback's own, for a proxy in front.
    `rate_limit` is requests a second and client, with bursts of twice that; 0 = no limit.
    `threads` questions are answered at once; what comes meanwhile shares their batches.
    """

    cache: Path
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    no_auth: bool = False
    allowed_hosts: tuple[str, ...] = ()
    rate_limit: float = 200.0
    max_upload_bytes: int = 64_000_000
    thumbnail_cache_bytes: int = 1024_000_000
    threads: int = 32
    body_timeout_s: float = 60.0

    @classmethod
    def of(
        cls, settings: Settings, *, no_auth: bool = False, allowed_hosts: tuple[str, ...] = ()
    ) -> ServerOptions:
        """The options that settings and flags make up.

        Raises:
            ConfigError: They would leave an open door, or contradict each other.
        """
        options = cls(
            cache=settings.cache,
            host=settings.host,
            port=settings.port,
            token=None if settings.token is None else settings.token.get_secret_value(),
            no_auth=no_auth,
            allowed_hosts=tuple(host.lower() for host in allowed_hosts),
            rate_limit=settings.rate_limit,
            max_upload_bytes=settings.max_upload_mb * 1_000_000,
            thumbnail_cache_bytes=settings.thumbnail_cache_mb * 1_000_000,
        )
        options._check()
        return options

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    def _check(self) -> None:
        if self.no_auth and self.token is not None:
            raise ConfigError("--token and --no-auth contradict each other: give one")
        if not self.on_loopback and self.token is None and not self.no_auth:
            raise ConfigError(
                f"{self.host} can be reached from other machines: give --token (or MMSEARCH_TOKEN),"
                " or --no-auth to let everyone in"
            )


@lru_cache(maxsize=64)
def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, reachable by nobody else."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
