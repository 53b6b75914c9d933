"""What the options before the command say: home, index, how much to tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmsearch.config import Settings
    from mmsearch.engine.library import Library


@dataclass(frozen=True, slots=True)
class Session:
    """The options that all commands share.

    `kept` holds the libraries that were opened, closed ones too: their compiled models take a tenth
    of a second to take apart, which a process that is about to end can do without.
    """

    home: Path | None = None
    index: str | None = None
    quiet: bool = False
    verbosity: int = 0
    debug: bool = False
    kept: list[object] = field(default_factory=list, repr=False, compare=False)

    def settings(self, **flags: object) -> Settings:
        """Settings with the flags of this run on top; None = not given.

        Raises:
            ConfigError: A setting is unknown or does not fit.
        """
        from mmsearch.config import load_settings

        return load_settings(**{"home": self.home, "index": self.index, **flags})

    def library(self, *, once: bool = False, **flags: object) -> Library:
        """The chosen index, opened lazily: nothing is read before it is used.

        `once`: it will be asked one question.

        Raises:
            ConfigError: A setting is unknown or does not fit.
        """
        from mmsearch.engine.factory import open_library

        library = open_library(self.settings(**flags), once=once)
        self.kept.append(library)
        return library
