"""From a reranker on disk to a cross encoder that runs as fast as this machine can."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mmsearch.protocols import CrossEncoder
from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.scoring import TowerCrossEncoder
from mmsearch.rerank.source import RerankerSource, read_config
from mmsearch.rerank.tokenize import FileTokenizer
from mmsearch.runtime.cuda import made_on_cuda, may_have_cuda


@dataclass(frozen=True, slots=True)
class CrossEncoderOptions:
    """Where and how a cross encoder runs.

    `cache_dir` keeps exports. Device 'auto' takes a GPU where there is one; precision 'auto'
    takes half precision where the hardware has it. `threads` None = all cores. `parallel` passes
    run at a time on the CPU, None = as many as are fastest: each has to be made ready.
    """

    cache_dir: Path
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int | None = None
    parallel: int | None = None


def load_cross_encoder(source: RerankerSource, options: CrossEncoderOptions) -> CrossEncoder:
    """The reranker `source`, ready to score: torch on CUDA, OpenVINO on the CPU.

    Raises:
        ModelError: It cannot be read or run here.
    """
    config = read_config(source)
    tokenizer = FileTokenizer(source, config)
    if options.device == "cuda" or (options.device == "auto" and may_have_cuda()):
        encoder = made_on_cuda(
            lambda: _on_cuda(source, config, tokenizer, options),
            required=options.device == "cuda",
        )
        if encoder is not None:
            return encoder
    from mmsearch.rerank.export import exported_towers
    from mmsearch.rerank.openvino_runtime import OpenVinoTowers
    from mmsearch.runtime.compiled import CompileOptions

    folder = exported_towers(source, config, options.cache_dir)
    towers = OpenVinoTowers(
        folder, CompileOptions(options.precision, options.threads), options.parallel
    )
    return TowerCrossEncoder(source, config, tokenizer, towers, towers.sizes)


def load_plain_cross_encoder(source: RerankerSource) -> CrossEncoder:
    """The reranker `source` in torch on the CPU, float32: what other runtimes are compared with.

    Raises:
        ModelError: It cannot be read.
    """
    from mmsearch.rerank.model_directory import load_network
    from mmsearch.rerank.torch_runtime import RUN_SIZES, TorchTowers

    config = read_config(source)
    tokenizer = FileTokenizer(source, config)
    towers = TorchTowers(load_network(source))
    return TowerCrossEncoder(source, config, tokenizer, towers, RUN_SIZES)


def _on_cuda(
    source: RerankerSource,
    config: RerankerConfig,
    tokenizer: FileTokenizer,
    options: CrossEncoderOptions,
) -> CrossEncoder:
    """The reranker on the GPU in half precision.

    Raises:
        ModelError, RuntimeError: It cannot be read, or does not fit into the memory that is free.
    """
    from mmsearch.rerank.model_directory import load_network
    from mmsearch.rerank.torch_runtime import RUN_SIZES, TorchTowers

    precision = "bf16" if options.precision == "auto" else options.precision
    towers = TorchTowers(load_network(source).to("cuda"), precision)
    return TowerCrossEncoder(source, config, tokenizer, towers, RUN_SIZES)
