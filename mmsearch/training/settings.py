"""What all training configs share: kinds of values, checks of them, fingerprints."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal

from mmsearch.errors import ConfigError

Amp = Literal["auto", "on", "off"]
"""Mixed precision: where it is faster, everywhere, nowhere."""

Device = Literal["auto", "cpu", "cuda"]

Augmentation = Literal["none", "light", "strong"]
"""How much pictures are varied."""


def check_least(config: object, least: Mapping[str, float]) -> None:
    """Refuse numbers below what they must be, and what is no number or without an end."""
    for name, lowest in least.items():
        value = getattr(config, name)
        if value is not None and not lowest <= value < math.inf:
            raise ConfigError(f"training: {name} is {value}, must be at least {lowest}")


def check_shares(config: object, names: Collection[str]) -> None:
    """Refuse what is no share, in [0, 1); None is left out."""
    for name in names:
        value = getattr(config, name)
        if value is not None and not 0 <= value < 1:
            raise ConfigError(f"training: {name} is {value}, must be in [0, 1)")


def check_above_zero(config: object, names: Collection[str]) -> None:
    """Refuse numbers that are not above 0, and what is without an end."""
    for name in names:
        value = getattr(config, name)
        if not 0 < value < math.inf:
            raise ConfigError(f"training: {name} is {value}, must be above 0")


def check_pictures(folder: Path) -> None:
    """Refuse a folder of pictures that is none."""
    if not folder.is_dir():
        raise ConfigError(f"training: {folder} is no folder of pictures")


def fingerprint_of(settings: Mapping[str, object], free: Collection[str]) -> str:
    """Hexadecimal digest of all `settings` by name but those that are `free`."""
    values = {name: value for name, value in settings.items() if name not in free}
    return hashlib.sha256(json.dumps(values, default=str, sort_keys=True).encode()).hexdigest()
