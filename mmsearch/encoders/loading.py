"""From a model's name to an encoder that runs as fast as this machine can."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

from mmsearch.encoders.digest import space_of
from mmsearch.encoders.sources import ModelSource, resolve_model
from mmsearch.protocols import DualEncoder, RegionEncoder
from mmsearch.rerank_types import RegionProjection
from mmsearch.runtime.cuda import made_on_cuda, may_have_cuda
from mmsearch.types import Space


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """Where and how an encoder runs.

    `cache_dir` keeps exports and downloads. Device 'auto' takes a GPU where there is one;
    precision 'auto' takes half precision where the hardware has it. `threads` None = all cores;
    `batch_size` bounds the pictures in one pass on a GPU.
    """

    cache_dir: Path
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int | None = None
    batch_size: int = 32


@overload
def load_dual_encoder(
    name: str, options: EncoderOptions, projection: RegionProjection
) -> RegionEncoder: ...


@overload
def load_dual_encoder(
    name: str, options: EncoderOptions, projection: None = None
) -> DualEncoder: ...


def load_dual_encoder(
    name: str, options: EncoderOptions, projection: RegionProjection | None = None
) -> DualEncoder:
    """The model called `name`, ready to embed: torch on CUDA, OpenVINO on the CPU.

    With a projection it is a `RegionEncoder`.

    Raises:
        ModelError: The model cannot be found, read or run here, or lacks what is tapped.
    """
    source = resolve_model(name, options.cache_dir)
    space = space_of(source)
    if options.device == "cuda" or (options.device == "auto" and may_have_cuda()):
        encoder = made_on_cuda(
            lambda: _on_cuda(source, space, options, projection),
            required=options.device == "cuda",
        )
        if encoder is not None:
            return encoder
    from mmsearch.encoders.export import exported_model
    from mmsearch.encoders.openvino_runtime import OpenVinoEncoder, OpenVinoRegionEncoder
    from mmsearch.runtime.compiled import CompileOptions

    exported = exported_model(source, space, options.cache_dir, projection)
    compile_options = CompileOptions(options.precision, options.threads)
    if projection is None:
        return OpenVinoEncoder(source, space, exported, compile_options)
    return OpenVinoRegionEncoder(source, space, exported, compile_options, projection)


def _on_cuda(
    source: ModelSource, space: Space, options: EncoderOptions, projection: RegionProjection | None
) -> DualEncoder:
    """The model on the GPU in half precision.

    Raises:
        ModelError, RuntimeError: It cannot be read, or does not fit into the memory that is free.
    """
    from mmsearch.encoders.torch_model import load_torch_model
    from mmsearch.encoders.torch_runtime import TorchEncoder, TorchRegionEncoder

    half = options.precision == "auto"
    precision = "fp32" if options.precision == "auto" else options.precision
    loaded = load_torch_model(source, "cuda", half=half)
    if projection is None:
        return TorchEncoder(space, loaded, precision, options.batch_size)
    return TorchRegionEncoder(space, loaded, projection, precision, options.batch_size)
