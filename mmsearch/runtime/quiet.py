"""Third-party chatter kept off the user's terminal."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_TELEMETRY = "openvino_telemetry"
_CONVERTER = "openvino.tools.ovc"


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence warnings and log lines below ERROR of torch, transformers, timm and open_clip.

    open_clip logs to the root logger through `logging.info`, which installs a handler on it;
    handlers that appear are taken off again.
    """
    root = logging.getLogger()
    handlers = list(root.handlers)
    disabled = root.manager.disable
    logging.disable(max(disabled, logging.WARNING))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        for handler in [handler for handler in root.handlers if handler not in handlers]:
            root.removeHandler(handler)


@contextmanager
def _absent(*names: str) -> Iterator[None]:
    """Let `import` of `names` fail for a while, unless they are loaded already."""
    hidden = [name for name in names if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # Python's own way to forbid an import
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def import_openvino() -> ModuleType:
    """The `openvino` package without its converter: half the import time.

    `import openvino` sends usage data over the network unless the user has forbidden it; that
    code lies in the converter, which a query doesn't need. Code that wants `convert_model` in the
    same process finds it in `openvino.tools.ovc`.
    """
    with _absent(_TELEMETRY, _CONVERTER):
        import openvino

        return openvino  # type: ignore[no-any-return]  # the package ships no types


def import_openvino_converter() -> ModuleType:
    """The module that holds `convert_model`, with telemetry left out."""
    import_openvino()
    with _absent(_TELEMETRY):
        from openvino.tools.ovc import convert

        return convert  # type: ignore[no-any-return]  # the package ships no types
