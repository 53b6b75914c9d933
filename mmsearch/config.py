"""Settings: flag > environment `MMSEARCH_*` > nearest `mmsearch.toml` > default."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from mmsearch.errors import ConfigError

CONFIG_NAME = "mmsearch.toml"
DEFAULT_MODEL = "mini"


class Settings(BaseSettings):
    """Everything that can be set, frozen once read. Sizes and times name their unit.

    `reranker` is a directory with `reranker.json`; None = the one inside the model's directory.
    `decode_memory_mb` and `max_megapixels` are what one picture may take, None = what this
    machine's memory allows each of `decode_workers`.
    From `host` on it is `mmsearch serve` that reads them: `port` 0 takes a free one, and
    `rate_limit` is requests a second and client, 0 = no limit.
    """

    model_config = SettingsConfigDict(env_prefix="MMSEARCH_", frozen=True, extra="forbid")

    home: Path = Field(default_factory=lambda: Path(platformdirs.user_data_dir("mmsearch")))
    cache: Path = Field(default_factory=lambda: Path(platformdirs.user_cache_dir("mmsearch")))
    index: str = Field(default="default", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    model: str | None = None
    reranker: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    batch_size: int = Field(default_factory=lambda: _batch_size(os.cpu_count()), ge=1, le=4096)
    decode_workers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256)
    decode_timeout_s: float = Field(default=60.0, ge=0.1, le=86_400)
    decode_memory_mb: int | None = Field(default=None, ge=128, le=1 << 20)
    max_megapixels: float | None = Field(default=None, ge=0.01, le=1e6)
    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8000, ge=0, le=65535)
    token: SecretStr | None = Field(default=None, min_length=1)
    rate_limit: float = Field(default=200.0, ge=0, le=1e9)
    max_upload_mb: int = Field(default=64, ge=1, le=4096)
    thumbnail_cache_mb: int = Field(default=1024, ge=0, le=1 << 30)

    @field_validator("home", "cache", "reranker")
    @classmethod
    def _expand(cls, value: Path | None) -> Path | None:
        return None if value is None else _expanded(value).absolute()

    @property
    def index_dir(self) -> Path:
        """The folder of the chosen index: catalogue and vector files."""
        return self.home / "indexes" / self.index

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags first, then the environment, then the nearest configuration file."""
        file_values = InitSettingsSource(settings_cls, init_kwargs=_read_nearest_file(Path.cwd()))
        return init_settings, env_settings, file_values


def _batch_size(cores: int | None) -> int:
    """Pictures in a transaction: enough for the largest pass on each of up to eight cores."""
    return 16 * min(8, max(2, cores or 1))


def load_settings(**flags: object) -> Settings:
    """Settings from flags (None = not given), environment, file and defaults.

    Raises:
        ConfigError: A key is unknown or a value does not fit, with its name and the reason.
    """
    given = {name: value for name, value in flags.items() if value is not None}
    unknown = _unknown_environment()
    if unknown:
        raise ConfigError(f"unknown setting {unknown[0]} in the environment: unset it")
    broken = _broken_text(given)
    if broken is not None:
        raise ConfigError(f"setting '{broken}': not valid UTF-8 (from a flag or the environment)")
    try:
        return Settings(**given)  # type: ignore[arg-type]  # validated by pydantic
    except ValidationError as exc:
        first = exc.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"setting '{name}': {first['msg'].lower()} "
            f"(from a flag, MMSEARCH_{name.upper()} or {CONFIG_NAME})"
        ) from exc


def _read_nearest_file(start: Path) -> dict[str, object]:
    """Values of the nearest `mmsearch.toml` at or above `start`; paths relative to it."""
    for folder in (start, *start.parents):
        file = folder / CONFIG_NAME
        if not file.is_file():
            continue
        try:
            values: dict[str, object] = tomllib.loads(file.read_text("utf-8"))
            for key in ("home", "cache", "reranker"):
                if isinstance(value := values.get(key), str):
                    values[key] = folder / _expanded(Path(value))
        except (OSError, ValueError, RecursionError) as exc:
            raise ConfigError(f"{file} cannot be read ({exc}): correct or remove it") from exc
        return values
    return {}


def _expanded(path: Path) -> Path:
    """The path with `~` as the home that it stands for.

    Raises:
        ValueError: That user has no home, or no file can have such a name.
    """
    if "\0" in str(path):
        raise ValueError("the path holds a zero byte")
    try:
        return path.expanduser()
    except RuntimeError as exc:
        raise ValueError(f"there is no home for '{path.parts[0]}'") from exc


def _broken_text(given: Mapping[str, object]) -> str | None:
    """The name of a setting whose text pydantic cannot take; a path that is one already may."""
    variables = {f"MMSEARCH_{name}".upper() for name in Settings.model_fields}
    found = {name: value for name, value in os.environ.items() if name.upper() in variables}
    for name, value in {**found, **given}.items():
        try:
            if isinstance(value, str):
                value.encode("utf-8")
        except UnicodeEncodeError:
            return name
    return None


def _unknown_environment() -> list[str]:
    """Names of `MMSEARCH_*` variables that no setting has."""
    known = {f"MMSEARCH_{name}".upper() for name in Settings.model_fields}
    return sorted(
        name
        for name in os.environ
        if name.upper().startswith("MMSEARCH_") and name.upper() not in known
    )
