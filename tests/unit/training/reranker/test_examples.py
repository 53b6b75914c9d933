"""Examples that cannot be learned from are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mmsearch.errors import DatasetError
from mmsearch.training.reranker.examples import Pool, ValidationSet
from tests.unit.training.reranker.toy import toy_examples

EXAMPLES = toy_examples()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": (Pool(np.array([3])),)}, "1 pictures to learn from"),
        ({"val": (ValidationSet("v", np.array([], np.int64)),)}, "0 pictures to validate on"),
        ({"owner": np.maximum(EXAMPLES.owner, 1)}, "44 pictures to learn from, 43 with"),
        ({"texts": EXAMPLES.texts[1:]}, "different sizes"),
        ({"images": EXAMPLES.images[:1]}, "different sizes"),
        ({"reduction": replace(EXAMPLES.reduction, rows=3)}, "different sizes"),
        ({"val": ()}, "different sizes"),
    ],
)
def test_refused(changes: dict[str, object], message: str) -> None:
    EXAMPLES.check()
    with pytest.raises(DatasetError, match=message):
        replace(EXAMPLES, **changes).check()  # type: ignore[arg-type]
