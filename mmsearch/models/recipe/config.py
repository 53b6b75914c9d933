"""The settings that produced the shipped weights, one frozen dataclass a stage."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .pictures import ViewConfig


@dataclass(frozen=True, slots=True)
class Inputs:
    """Where the named inputs are."""

    data: Path  # holds flickr8k/, photos_mix/ and captions/
    image_weights: Path
    text_tower: Path


@dataclass(frozen=True, slots=True)
class TextConfig:
    """Which texts are prepared, and how much of the vocabulary is kept."""

    pieces: int = 17_500
    max_pieces: int = 40  # a training text is cut here
    free_captions: int = 10_000
    object_names: int = 8_000
    seed: int = 0


@dataclass(frozen=True, slots=True)
class SamplingConfig:
    """What one batch holds."""

    flickr: int  # pictures of Flickr8k
    mix: int  # pictures of photos_mix
    captions: int = 2  # of each picture at most
    landscape_weight: float = 0.35  # their captions are machine-made and repetitive


@dataclass(frozen=True, slots=True)
class HeadsConfig:
    """Stage 1: two linear projections on frozen towers. This is the model card's baseline."""

    dim: int = 512
    epochs: int = 12
    sampling: SamplingConfig = field(default_factory=lambda: SamplingConfig(352, 160, 1))
    lr: float = 1e-3
    weight_decay: float = 0.05
    dropout: float = 0.3
    text_dropout: float = 0.1
    distillation: float = 0.3
    seed: int = 0


@dataclass(frozen=True, slots=True)
class JointConfig:
    """Stage 2: both heads, the image tower's last stages, the text tower's last layers."""

    steps: int = 550
    averaged: tuple[int, ...] = (450, 500, 550)  # the result is the mean of these steps' EMA
    evaluated_every: int = 50
    warmup: int = 20
    sampling: SamplingConfig = field(default_factory=lambda: SamplingConfig(192, 96))
    windows: tuple[int, ...] = (14, 16, 18)  # side of the part of the 18 x 18 grid that is seen
    lr_heads: float = 5e-4
    lr_image: float = 1.5e-4
    lr_text: float = 4e-5
    weight_decay: float = 0.05
    clip_norm: float = 5.0
    dropout: float = 0.2
    drop_path: float = 0.1
    token_dropout: float = 0.1
    likeness: float = 0.3  # share of the target that goes by how alike captions read
    likeness_temperature: float = 0.1
    classes: int = 160  # class names a batch
    distillation: float = 0.4
    anchors: int = 32  # free captions, and as many object names, a batch
    anchor_weight: float = 0.1
    steady: int = 48  # pictures a batch whose plain and written-over views are drawn together
    steady_weight: float = 4.0
    ema: float = 0.99
    threads: int = 2
    seed: int = 1


@dataclass(frozen=True, slots=True)
class RecipeConfig:
    """All stages."""

    view: ViewConfig = field(default_factory=ViewConfig)
    text: TextConfig = field(default_factory=TextConfig)
    heads: HeadsConfig = field(default_factory=HeadsConfig)
    joint: JointConfig = field(default_factory=JointConfig)
    threads: int = 2
