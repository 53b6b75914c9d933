"""The models of `mmsearch.encoders`, as the engine asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmsearch.engine.once import Once

if TYPE_CHECKING:
    from mmsearch.config import Settings
    from mmsearch.encoders import EncoderOptions
    from mmsearch.protocols import DualEncoder, RegionEncoder
    from mmsearch.rerank_types import RegionProjection
    from mmsearch.types import Space


class EncoderModels:
    """The models of `mmsearch.encoders`, each looked up once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._spaces: Once[str, Space] = Once()

    def default_name(self) -> str:
        """The model that ships with the package."""
        from mmsearch.config import DEFAULT_MODEL

        return DEFAULT_MODEL

    def space(self, name: str) -> Space:
        """The space of a model, without loading it."""

        def look_up() -> Space:
            from mmsearch.encoders import resolve_model, space_of

            return space_of(resolve_model(name, self._settings.cache))

        return self._spaces.get(name, look_up)

    def load(self, name: str) -> DualEncoder:
        """The encoder of a model, on the device of the settings."""
        from mmsearch.encoders import load_dual_encoder

        return load_dual_encoder(name, self._options())

    def load_with_regions(self, name: str, projection: RegionProjection) -> RegionEncoder:
        """The same, giving the region features of a projection too."""
        from mmsearch.encoders import load_dual_encoder

        return load_dual_encoder(name, self._options(), projection)

    def _options(self) -> EncoderOptions:
        """How the settings want an encoder to run."""
        from mmsearch.encoders import EncoderOptions

        return EncoderOptions(
            cache_dir=self._settings.cache,
            device=self._settings.device,
            precision=self._settings.precision,
            batch_size=self._settings.batch_size,
        )
