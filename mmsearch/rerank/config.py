"""Sizes of a cross encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from mmsearch.errors import ModelError

Arrangement = Literal["lxmert", "vilbert"]

_LOWEST = {"language_layers": 0, "region_layers": 0, "pad_id": 0}
_HIGHEST = {
    "language_layers": 64,
    "region_layers": 64,
    "cross_layers": 64,
    "rows": 64,
    "columns": 64,
}
_LARGEST = 1 << 24
"""More than any other size of a network is."""


@dataclass(frozen=True, slots=True)
class RerankerConfig:
    """What a cross encoder is made of; the language side has BERT's layout.

    Attributes:
        arrangement: How the two streams meet, a key of `arrangements.ARRANGEMENTS`.
        vocabulary: Word pieces of the tokenizer.
        max_tokens: Longer texts are cut here.
        language_width: Width of the language encoder.
        language_layers: Its layers.
        language_heads: Its attention heads.
        width: Width h of the region encoder and of the layers where both streams meet.
        heads: Attention heads there.
        region_layers: Relational layers over regions alone.
        cross_layers: Layers in which the streams meet.
        align_width: Width in which words and regions are compared one by one.
        rows: Rows of the grid of regions.
        columns: Columns of the grid of regions.
        channels: Channels c of a region's code.
        dropout: Of every sublayer's output, in training.
        pad_id: The token that fills up shorter texts.
    """

    arrangement: Arrangement = "lxmert"
    vocabulary: int = 17_500
    max_tokens: int = 40
    language_width: int = 384
    language_layers: int = 4
    language_heads: int = 12
    width: int = 256
    heads: int = 8
    region_layers: int = 1
    cross_layers: int = 2
    align_width: int = 128
    rows: int = 6
    columns: int = 6
    channels: int = 112
    dropout: float = 0.1
    pad_id: int = 0

    @property
    def regions(self) -> int:
        """How many regions r a picture has."""
        return self.rows * self.columns

    def to_json(self) -> dict[str, int | float | str]:
        """All settings by name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> RerankerConfig:
        """The settings that `to_json` gave.

        Raises:
            ModelError: A setting is unknown or has the wrong type.
        """
        known = {field.name: type(field.default) for field in fields(cls)}
        for name, value in values.items():
            fits = name in known and isinstance(value, known[name])
            if not fits or isinstance(value, bool):
                raise ModelError(
                    f"reranker setting {name!r} = {value!r} is unknown here: "
                    "give a model directory that this version wrote"
                )
        config = cls(**values)  # type: ignore[arg-type]  # checked above, by name
        config._check()
        return config

    def _check(self) -> None:
        """Pass when a network can be made of these sizes.

        Raises:
            ModelError: It cannot; which setting is to blame.
        """
        wrong = [
            name
            for name, value in asdict(self).items()
            if isinstance(value, int)
            and not _LOWEST.get(name, 1) <= value <= _HIGHEST.get(name, _LARGEST)
        ]
        if self.arrangement not in get_args(Arrangement):
            wrong.append("arrangement")
        if not 0 <= self.dropout < 1:
            wrong.append("dropout")
        if not wrong and self.language_width % self.language_heads:
            wrong.append("language_heads")
        if not wrong and self.width % self.heads:
            wrong.append("heads")
        if wrong:
            raise ModelError(
                f"reranker setting {wrong[0]!r} = {getattr(self, wrong[0])!r} makes no network: "
                "give a model directory that this version wrote"
            )
