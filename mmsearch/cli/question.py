"""What was asked on the command line, with the habit of giving a picture's path as text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmsearch.errors import QueryError


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it goes to the engine and into titles."""

    text: str | None = None
    image: Path | None = None
    plus: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, text: str | None, image: Path | None, plus: tuple[str, ...], minus: tuple[str, ...]
    ) -> Question:
        """The question; TEXT that names an existing picture file stands for `--image`.

        Raises:
            QueryError: Nothing was asked.
        """
        if text is not None and image is None and _is_picture(text):
            return cls(None, Path(text), plus, minus)
        if text is None and image is None and not plus and not minus:
            raise QueryError("nothing asked: give TEXT, --image FILE or both")
        return cls(text, image, plus, minus)

    @property
    def title(self) -> str:
        """The question in one line, for people."""
        from mmsearch.cli.wording import shown

        parts = [
            self.text or "",
            "" if self.image is None else f"like {shown(Path(self.image.name))}",
            *(f"+ {term}" for term in self.plus),
            *(f"- {term}" for term in self.minus),
        ]
        return " ".join(part for part in parts if part)


def _is_picture(text: str) -> bool:
    """Whether `text` is the path of an existing file with a picture's extension."""
    from mmsearch.media.scan import PICTURE_SUFFIXES

    try:
        path = Path(text)
        return path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
    except (OSError, ValueError):  # too long for a file name, or with a NUL byte
        return False
