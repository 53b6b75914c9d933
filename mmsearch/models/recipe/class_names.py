"""The names of ImageNet's classes and of other things, as texts that need no pictures."""

from __future__ import annotations

from importlib import resources

CLASSES = 1000
_NAMES_A_CLASS = 2
_ALONE = "{}"
_TEMPLATES = ("a photo of {}", "{} in the scene")


def class_texts() -> list[list[str]]:
    """For each of the 1,000 ImageNet classes, in class order, the texts that name it.

    A class goes by its first two WordNet names, each alone and in two short sentences.
    """
    lemmas = _lemmas()
    synsets = _info("imagenet_synsets.txt").split()
    return [
        [text for name in lemmas[synset][:_NAMES_A_CLASS] for text in _texts(name)]
        for synset in synsets
    ]


def object_names() -> list[str]:
    """The first WordNet name of every ImageNet-22k synset, distinct and sorted."""
    return sorted({names[0] for names in _lemmas().values() if names[0].isascii()})


def lemma_lines() -> list[str]:
    """All names of every ImageNet-22k synset, one synset a line, for counting word pieces."""
    return [line.split("\t")[1] for line in _info("imagenet_synset_to_lemma.txt").splitlines()]


def with_article(name: str) -> str:
    """`name` after "a" or "an"."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _texts(name: str) -> list[str]:
    return [_ALONE.format(name), *(t.format(with_article(name)) for t in _TEMPLATES)]


def _lemmas() -> dict[str, list[str]]:
    rows = (line.split("\t") for line in _info("imagenet_synset_to_lemma.txt").splitlines())
    return {synset: [name.strip().lower() for name in names.split(",")] for synset, names in rows}


def _info(name: str) -> str:
    return (resources.files("timm.data") / "_info" / name).read_text(encoding="utf-8")
