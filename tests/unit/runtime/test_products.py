"""Products that stay on one thread: the same numbers, and no other thread at work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmsearch.runtime.products import MOST_IN_A_PRODUCT, product

OTHERS_AT_WORK = """
import json, os
from pathlib import Path
import numpy as np
from mmsearch.runtime.products import product

def turns():
    others = [one for one in Path("/proc/self/task").iterdir() if one.name != str(os.getpid())]
    return {one.name: (one / "schedstat").read_text().split()[2] for one in others}

rng = np.random.default_rng(0)
items, bank = (rng.normal(size=(n, 512)).astype(np.float32) for n in (50, 2000))
states = [turns()]
for _ in range(5):
    product(items, bank)
states.append(turns())
for _ in range(5):
    items @ bank.T
states.append(turns())
print(json.dumps([states[0] != states[1], states[1] != states[2]]))
"""


@pytest.mark.parametrize(
    ("n", "m", "d"),
    [(1, 1, 1), (0, 5, 4), (5, 0, 4), (50, 2000, 512), (129, 37, 512), (3, 5, MOST_IN_A_PRODUCT)],
)
def test_a_product_is_that_of_numpy(n: int, m: int, d: int) -> None:
    rng = np.random.default_rng(n + m)
    left, right = (rng.normal(size=(rows, d)).astype(np.float32) for rows in (n, m))
    found = product(left, right)
    assert (found.shape, found.dtype) == ((n, m), np.float32)
    exact = left.astype(np.float64) @ right.T.astype(np.float64)
    np.testing.assert_allclose(found, exact, atol=1e-6 * d)


def test_a_product_wakes_no_other_thread() -> None:
    """What the same product does where it is left to NumPy: it has others spin on the cores."""
    if not Path("/proc/self/schedstat").is_file():
        pytest.skip("this system does not tell which threads have run")
    done = subprocess.run(
        [sys.executable, "-c", OTHERS_AT_WORK], capture_output=True, text=True, check=True
    )
    woken, woken_by_numpy = json.loads(done.stdout)
    if not woken_by_numpy:
        pytest.skip("NumPy keeps to one thread here")
    assert not woken
