"""`mmsearch.toml`, environment and flags: three parts with a line of dashes in between."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator

from mmsearch.config import CONFIG_NAME, Settings, load_settings
from mmsearch.errors import ConfigError
from mmsearch.media.decode_limits import limits_of
from mmsearch.server.options import ServerOptions
from tests.fuzz.places import folder

PART = b"\n---\n"
WORDS = (
    *(name.encode() for name in Settings.model_fields),
    *(b"MMSEARCH_", PART, b"~x", b"inf", b"nan", b"1e308", b"[[[[[[[[", b"{a=", b'"""', b"= true"),
    *(b"1979-05-27T07:32:00", b"0x7fffffff", b"9" * 40, b"\\ud800", b"\\u0000"),
)


def check(data: bytes) -> None:
    """Settings can be used as they are, or are refused by name."""
    file, environment, flags = (*data.split(PART), b"", b"")[:3]
    place = folder("config")
    (place / CONFIG_NAME).write_bytes(file)
    with contextlib.chdir(place), _environment(environment):
        try:
            settings = load_settings(**_flags(flags))
        except ConfigError as exc:
            assert str(exc)
            return
    check_settings(settings)


def check_settings(settings: Settings) -> None:
    """Every number is one, every path absolute, and limits can be made of them."""
    numbers = (value for value in settings.model_dump().values() if isinstance(value, float))
    assert all(math.isfinite(value) for value in numbers)
    for path in (settings.home, settings.cache, settings.reranker):
        assert path is None or path.is_absolute()
        assert path is None or b"\0" not in os.fsencode(path)
    assert settings.index_dir.is_relative_to(settings.home)
    limits = limits_of(settings)
    assert limits.max_pixels >= 1
    assert limits.memory_mb << 20 < 2**63  # the operating system's limit is a signed number
    assert limits.timeout_s < 2**31  # waiting longer overflows
    with contextlib.suppress(ConfigError):  # an open door without a token
        ServerOptions.of(settings)


def seeds() -> list[bytes]:
    """Every setting, each way."""
    file = (
        b'home = "here"\ncache = "~/c"\nindex = "a-b"\nmodel = "mini"\nreranker = "r"\n'
        b'device = "cpu"\nprecision = "bf16"\nbatch_size = 8\ndecode_workers = 2\n'
        b"decode_timeout_s = 1.5\ndecode_memory_mb = 512\nmax_megapixels = 20\n"
        b'host = "::1"\nport = 0\ntoken = "t"\nrate_limit = 0\nmax_upload_mb = 8\n'
        b"thumbnail_cache_mb = 0\n"
    )
    variables = b"MMSEARCH_BATCH_SIZE=4\nMMSEARCH_HOME=~/x\nMMSEARCH_MAX_MEGAPIXELS=1e3"
    return [
        file,
        PART.join((b"", variables, b"")),
        PART.join((b"port = 1", b"MMSEARCH_PORT=2", b"port=3\nindex=x")),
    ]


@contextlib.contextmanager
def _environment(lines: bytes) -> Iterator[None]:
    """`NAME=VALUE` lines as variables, for a while; only our own names are set."""
    before = dict(os.environ)
    for line in lines.split(b"\n"):
        name, _, value = line.partition(b"=")
        if name.upper().startswith(b"MMSEARCH_") and b"\0" not in line:
            os.environ[os.fsdecode(name)] = os.fsdecode(value)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _flags(lines: bytes) -> dict[str, object]:
    pairs = (line.partition(b"=") for line in lines.split(b"\n") if b"=" in line)
    known = {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}
    return {name: value for name, value in known.items() if name in Settings.model_fields}
