"""What the frozen halves of the towers say about everything that trains the rest."""

from __future__ import annotations

from dataclasses import dataclass

from .activations import ViewCache
from .sampling import Captions, Indices, Pools
from .texts import TokenCache


@dataclass(frozen=True, slots=True)
class Prepared:
    """The input of both training stages."""

    views: tuple[ViewCache, ...]  # plain, crops, written over
    first_written: int  # the first written-over one
    captions: Captions
    pools: Pools
    caption_tokens: TokenCache
    class_tokens: TokenCache
    class_rows: tuple[Indices, ...]  # texts of each ImageNet class in class_tokens
    anchors: tuple[TokenCache, ...]  # texts whose place the tuned text tower keeps
