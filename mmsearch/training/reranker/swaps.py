"""Captions made wrong by exchanging two of their words.

Such twins hold the same words, so that only their order tells them apart (ARO, Yuksekgonul et al.
2023; Winoground, Thrush et al. 2022): a dual encoder hardly sees a difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations

_COLOURS = "black white red blue green yellow orange brown pink purple grey gray golden tan"
COLOURS = frozenset(_COLOURS.split())
_PEOPLE = (
    "man woman boy girl child kid baby toddler person lady guy couple player men women boys girls "
    "children kids people adults players"
)
_ANIMALS = "dog cat horse bird cow sheep elephant bear zebra giraffe dogs cats horses birds"
_THINGS = (
    "ball frisbee bike bicycle motorcycle car truck bus train boat skateboard surfboard snowboard "
    "camera phone umbrella hat shirt jacket helmet dress bench table chair bed couch sofa laptop "
    "book toy stick rope swing slide pole kite bag guitar cup glass plate pizza cake"
)
_PLACES = (
    "beach water ocean sea lake river pool snow grass field street road sidewalk building house "
    "wall fence tree mountain rock hill bridge stairs ramp court track path sand"
)
NOUNS = frozenset(f"{_PEOPLE} {_ANIMALS} {_THINGS} {_PLACES}".split())
_CLASSES = (COLOURS, NOUNS)

_JOINING = "and or , with near beside by next to a an the two other another"
_SYMMETRIC = frozenset(_JOINING.split())
"""Where only such words lie between two nouns, the twin means the same."""

_PIECES = re.compile(r"\w+|[^\w\s]")


def swapped_twins(caption: str) -> tuple[str, ...]:
    """All captions that come of exchanging two colours or two nouns of `caption`, in order.

    Left out are exchanges that change nothing of the meaning: equal words, two nouns joined by
    "and" or the like, two colours of things of one name.
    """
    words = _PIECES.findall(caption)
    twins = dict.fromkeys(" ".join(twin) for twin in _exchanges(words))
    return tuple(twins)


def _exchanges(words: Sequence[str]) -> Iterator[list[str]]:
    """Lists of words in which two have changed places."""
    lower = [word.lower() for word in words]
    for kind in _CLASSES:
        places = [place for place, word in enumerate(lower) if word in kind]
        for first, second in combinations(places, 2):
            if lower[first] == lower[second] or _means_the_same(lower, first, second):
                continue
            twin = list(words)
            twin[first], twin[second] = _as_cased(words[second], words[first]), lower[first]
            yield twin


def _means_the_same(words: Sequence[str], first: int, second: int) -> bool:
    """Whether the caption is as true with the words at two places exchanged."""
    between = words[first + 1 : second]
    if words[first] in COLOURS:
        follows = words[first + 1], words[second + 1] if second + 1 < len(words) else ""
        one_thing = all(word in COLOURS or word in _SYMMETRIC for word in between)
        return one_thing or follows[0] == follows[1]
    return all(word in _SYMMETRIC or word in COLOURS for word in between)


def _as_cased(word: str, like: str) -> str:
    """`word` with a capital where `like` has one."""
    return word.capitalize() if like[:1].isupper() else word.lower()
