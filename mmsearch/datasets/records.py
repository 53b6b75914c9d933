"""The one record type of all caption formats, and the builder that merges rows into it."""

from __future__ import annotations

from dataclasses import dataclass, field

_SPLIT_ALIASES = {
    "training": "train",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "testing": "test",
}


@dataclass(frozen=True, slots=True)
class CaptionedImage:
    """One picture with its captions, in file order.

    `file` is as written in the data, relative to the pictures' folder; None marks a free
    caption, which belongs to no picture. `split` is None where the data names none.
    """

    file: str | None
    captions: tuple[str, ...]
    split: str | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that was left out: `where` it stands (`line 7`, `images[3]`) and why."""

    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class CaptionData:
    """All pictures of a caption file, each once, in order of first mention."""

    name: str
    items: tuple[CaptionedImage, ...]
    bad_rows: tuple[BadRow, ...] = ()

    @property
    def n_captions(self) -> int:
        """How many captions there are, free ones included."""
        return sum(len(item.captions) for item in self.items)


@dataclass(slots=True)
class _Growing:
    captions: list[str]
    split: str | None


@dataclass(slots=True)
class CaptionBuilder:
    """Merges rows about one file, keeps what is wrong with the others."""

    name: str
    _by_file: dict[str, _Growing] = field(default_factory=dict)
    _order: list[str | CaptionedImage] = field(default_factory=list)
    _bad: list[BadRow] = field(default_factory=list)

    def refuse(self, where: str, reason: str) -> None:
        """Note a row that cannot be used."""
        self._bad.append(BadRow(where, reason))

    def add(self, where: str, file: object, caption: object, split: object = None) -> None:
        """Add one caption; `file` may be None or blank for a free one."""
        text = _caption(caption)
        if text is None:
            self.refuse(where, _why_not_a_caption(caption))
            return
        if file is not None and not isinstance(file, str):
            self.refuse(where, f"the file name is {_kind(file)}, not text")
            return
        if split is not None and not isinstance(split, str):
            self.refuse(where, f"the split is {_kind(split)}, not text")
            return
        name = file.strip() if file else ""
        if "\0" in name:
            self.refuse(where, "the file name holds a zero byte")
            return
        self._put(where, name, text, canonical_split(split))

    def _put(self, where: str, file: str, text: str, split: str | None) -> None:
        if not file:
            self._order.append(CaptionedImage(None, (text,), split))
            return
        known = self._by_file.get(file)
        if known is None:
            self._by_file[file] = _Growing([text], split)
            self._order.append(file)
        elif split is not None and known.split is not None and split != known.split:
            # One picture in two splits would be trained on and tested on.
            self.refuse(where, f"'{file}' is in split '{known.split}' above, here in '{split}'")
        else:
            known.captions.append(text)
            known.split = known.split or split

    def build(self) -> CaptionData:
        """Everything added so far."""
        items = tuple(
            CaptionedImage(entry, tuple(self._by_file[entry].captions), self._by_file[entry].split)
            if isinstance(entry, str)
            else entry
            for entry in self._order
        )
        return CaptionData(self.name, items, tuple(self._bad))


def canonical_split(split: str | None) -> str | None:
    """The split's usual name: lower case, `train`, `val`, `test`, `restval`, or as written."""
    if split is None or not split.strip():
        return None
    lowered = split.strip().lower()
    return _SPLIT_ALIASES.get(lowered, lowered)


def _caption(value: object) -> str | None:
    """`value` with its white space tidied, or None if it is not a usable caption."""
    if not isinstance(value, str):
        return None
    text = " ".join(value.split())
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # bytes that were not UTF-8, or half a surrogate pair in JSON
        return None
    return text or None


def _why_not_a_caption(value: object) -> str:
    if value is None:
        return "no caption"
    if not isinstance(value, str):
        return f"the caption is {_kind(value)}, not text"
    return "the caption is not valid UTF-8" if value.strip() else "the caption is empty"


def _kind(value: object) -> str:
    kinds = {bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), "an object" if isinstance(value, dict) else "nothing")
