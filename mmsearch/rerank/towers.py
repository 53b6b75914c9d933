"""The three parts of a network, converted to OpenVINO's format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from mmsearch.errors import ModelError
from mmsearch.rerank.config import RerankerConfig
from mmsearch.rerank.export import MATCH_TOWER, REGION_TOWER, TEXT_TOWER
from mmsearch.rerank.network import RerankNetwork
from mmsearch.runtime.quiet import import_openvino, import_openvino_converter, quiet_libraries

if TYPE_CHECKING:
    import openvino


class _TextTower(nn.Module):
    """`read_text` as a forward pass, so that it can be traced."""

    def __init__(self, network: RerankNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor) -> Tensor:
        """States `(n, l, h)` of tokens `(n, l)` int64."""
        return self.network.read_text(tokens)


class _RegionTower(nn.Module):
    """`read_regions` as a forward pass."""

    def __init__(self, network: RerankNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, codes: Tensor) -> Tensor:
        """States `(n, r, h)` of codes `(n, r, c)` float32."""
        return self.network.read_regions(codes)


class _MatchTower(nn.Module):
    """`match` as a forward pass."""

    def __init__(self, network: RerankNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, text: Tensor, mask: Tensor, regions: Tensor) -> Tensor:
        """Logits `(p,)` of states `(p, l, h)` with mask `(p, l)` and states `(p, r, h)`."""
        return self.network.match(text, mask, regions)


def write_towers(network: RerankNetwork, folder: Path) -> None:
    """Write `text.xml`, `regions.xml` and `match.xml`, weights in float16, into `folder`.

    Raises:
        ModelError: OpenVINO cannot convert the network.
    """
    ov = import_openvino()
    try:
        with quiet_libraries(), torch.no_grad():
            towers = {
                TEXT_TOWER: _text_model(network),
                REGION_TOWER: _region_model(network),
                MATCH_TOWER: _match_model(network),
            }
            for name, model in towers.items():
                ov.save_model(model, str(folder / f"{name}.xml"), compress_to_fp16=True)
    except OSError:
        raise
    except Exception as exc:  # OpenVINO and torch raise whatever they like
        line = " ".join(str(exc).split())[:300]
        raise ModelError(
            f"the reranker cannot be exported to OpenVINO ({line}): "
            "use --no-rerank, or --device cuda where there is a GPU"
        ) from exc


def _text_model(network: RerankNetwork) -> openvino.Model:
    tokens = torch.ones(2, 5, dtype=torch.int64)
    return _converted(_TextTower(network), {"tokens": (tokens, [-1, -1])})


def _region_model(network: RerankNetwork) -> openvino.Model:
    """The region encoder, taking codes as they are kept: int8."""
    ov = import_openvino()
    config: RerankerConfig = network.config
    codes = torch.ones(2, config.regions, config.channels)
    shape = [-1, config.regions, config.channels]
    model = _converted(_RegionTower(network), {"codes": (codes, shape)})
    steps = ov.preprocess.PrePostProcessor(model)
    steps.input().tensor().set_element_type(ov.Type.i8)
    steps.input().preprocess().convert_element_type(ov.Type.f32)
    return steps.build()


def _match_model(network: RerankNetwork) -> openvino.Model:
    config: RerankerConfig = network.config
    width, regions = config.width, config.regions
    return _converted(
        _MatchTower(network),
        {
            "text": (torch.ones(2, 5, width), [-1, -1, width]),
            "mask": (torch.ones(2, 5), [-1, -1]),
            "regions": (torch.ones(2, regions, width), [-1, regions, width]),
        },
    )


def _converted(tower: nn.Module, inputs: dict[str, tuple[Tensor, list[int]]]) -> openvino.Model:
    """`tower` with inputs by the names of its arguments: an example and a shape each, -1 = any."""
    ov = import_openvino()
    examples = tuple(example for example, _ in inputs.values())
    types = {torch.int64: ov.Type.i64, torch.float32: ov.Type.f32}
    return import_openvino_converter().convert_model(
        _traced(tower, examples),
        example_input=examples if len(examples) > 1 else examples[0],
        input=[
            (name, ov.PartialShape(shape), types[example.dtype])
            for name, (example, shape) in inputs.items()
        ],
    )


def _traced(tower: nn.Module, examples: tuple[Tensor, ...]) -> nn.Module:
    """`tower` as a graph, without torch's check, which takes longer than all else."""
    traced = torch.jit.trace(  # type: ignore[no-untyped-call]  # torch ships no types for it
        tower.eval(), examples, check_trace=False, strict=False
    )
    return cast("nn.Module", traced)
