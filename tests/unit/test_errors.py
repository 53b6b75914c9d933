"""The error tree is closed: every error is ours, drawn in the docstring, with one root."""

from __future__ import annotations

import inspect

from mmsearch import errors


def test_every_error_descends_from_the_root_and_is_drawn() -> None:
    classes = [cls for _, cls in inspect.getmembers(errors, inspect.isclass)]
    assert len(classes) == 9 + 1
    for cls in classes:
        assert issubclass(cls, errors.MmsearchError)
        assert cls.__name__ in (errors.__doc__ or "")
