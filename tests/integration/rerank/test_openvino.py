"""The CPU runtime: imports, caches, threads."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mmsearch.errors import ModelError
from mmsearch.protocols import CrossEncoder
from mmsearch.rerank import (
    CrossEncoderOptions,
    RerankerSource,
    load_cross_encoder,
)
from tests.tiny_reranker import TinyReranker, build_tiny_reranker, random_codes

PAIRS = np.array([[0, 0], [0, 1], [1, 2], [1, 0]])
TEXTS = ["a red dog", "the cat sits on the beach"]

SCRIPT = """
import json, sys
from pathlib import Path
import numpy as np
from mmsearch.rerank import CrossEncoderOptions, find_reranker, load_cross_encoder
source = find_reranker(Path(sys.argv[1]))
encoder = load_cross_encoder(source, CrossEncoderOptions(Path(sys.argv[2]), "cpu", "fp32"))
codes = np.load(sys.argv[3])
found = encoder.score(json.loads(sys.argv[4]), codes, np.array(json.loads(sys.argv[5])))
heavy = [name for name in ("torch", "open_clip", "transformers", "faiss") if name in sys.modules]
print(json.dumps({"scores": found.tolist(), "heavy": heavy}))
"""


@pytest.fixture(scope="module")
def encoder(lxmert: RerankerSource, cache: Path) -> CrossEncoder:
    """The tiny reranker, exported."""
    return load_cross_encoder(lxmert, CrossEncoderOptions(cache, "cpu", "fp32"))


def test_scoring_never_imports_torch(
    encoder: CrossEncoder, lxmert: RerankerSource, cache: Path, tmp_path: Path
) -> None:
    """With the export in the cache a fresh process scores alike, without torch or a word."""
    np.save(tmp_path / "codes.npy", random_codes(3))
    arguments = [lxmert.directory, cache, tmp_path / "codes.npy"]
    done = subprocess.run(
        [
            *(sys.executable, "-c", SCRIPT, *map(str, arguments)),
            *(json.dumps(TEXTS), json.dumps(PAIRS.tolist())),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["heavy"] == []
    expected = encoder.score(TEXTS, random_codes(3), PAIRS)
    np.testing.assert_allclose(found["scores"], expected, atol=1e-4)


def test_threads_share_one_encoder(encoder: CrossEncoder) -> None:
    """Many questions at once get what each gets alone."""
    texts = ["a dog", "two cats", "the red ball on the beach", "blue"] * 4
    codes = random_codes(5)
    pairs = np.stack([np.zeros(5, np.int64), np.arange(5)], axis=1)
    alone = [encoder.score([text], codes, pairs) for text in texts]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda text: encoder.score([text], codes, pairs), texts))
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_export_is_made_once_for_equal_weights(
    encoder: CrossEncoder, lxmert: RerankerSource, cache: Path, tmp_path: Path
) -> None:
    """A copy in another folder shares it; other weights have their own."""
    before = set((cache / "rerankers").iterdir())
    options = CrossEncoderOptions(cache, "cpu", "fp32")
    load_cross_encoder(build_tiny_reranker(tmp_path / "copy", TinyReranker("lxmert")), options)
    assert set((cache / "rerankers").iterdir()) == before
    load_cross_encoder(build_tiny_reranker(tmp_path / "other", TinyReranker(seed=7)), options)
    assert len(set((cache / "rerankers").iterdir()) - before) == 1


def test_a_cache_that_cannot_be_written(lxmert: RerankerSource, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    options = CrossEncoderOptions(tmp_path / "file", "cpu")
    with pytest.raises(ModelError, match="set MMSEARCH_CACHE") as caught:
        load_cross_encoder(lxmert, options)
    assert "\n" not in str(caught.value)
