"""The OpenAPI description is true: schemathesis asks what it allows, and what it does not.

Checked are, among others: no 5xx, only described statuses, types and shapes, wrong data refused,
right data taken, methods that do not exist refused with Allow.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from mmsearch.server.app import create_app
from mmsearch.server.options import ServerOptions
from tests.live_server import LiveServer
from tests.photos import fake_library

POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
CONFIG = SchemathesisConfig.from_dict(
    {
        "operations": [
            {
                # No schema can say that something must be asked for, nor that bytes are a picture.
                "include-path": path,
                "checks": {
                    "positive_data_acceptance": {
                        "expected-statuses": ["2xx", "404", "409", "422"],
                    },
                },
            }
            for path in ("/api/v1/search", "/api/v1/uploads")
        ]
    }
)


def operations() -> dict[str, bool]:
    """All operations as `METHOD /path`; whether there is data to get wrong."""
    nowhere = Path("/nowhere")
    library = fake_library(nowhere)
    app = create_app(library, ServerOptions(nowhere), lambda: library)
    return {
        f"{method.upper()} {path}": "parameters" in one or path.endswith(("/search", "/remove"))
        for path, methods in app.openapi()["paths"].items()
        for method, one in methods.items()
    }


@pytest.fixture(scope="module")
def described(server: LiveServer) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{server.url}/api/v1/openapi.json", config=CONFIG)


@pytest.mark.parametrize("label", operations())
def test_what_is_described_is_what_is_answered(
    label: str, described: schemathesis.BaseSchema
) -> None:
    ask_all(described, label, POSITIVE, {})


@pytest.mark.parametrize("label", [label for label in operations() if "{media_id}" in label])
def test_what_is_described_is_answered_for_a_picture_that_is_there(
    label: str, described: schemathesis.BaseSchema
) -> None:
    ask_all(described, label, POSITIVE, {"media_id": 1})


@pytest.mark.parametrize("label", [label for label, takes in operations().items() if takes])
def test_what_is_not_described_is_refused(label: str, described: schemathesis.BaseSchema) -> None:
    ask_all(described, label, NEGATIVE, {})


def ask_all(
    described: schemathesis.BaseSchema,
    label: str,
    mode: GenerationMode,
    path_parameters: dict[str, object],
) -> None:
    """Ask one operation many times, the same way in every run."""
    method, path = label.split(" ")
    cases = described[path][method].as_strategy(mode, path_parameters=path_parameters or None)

    @settings(
        max_examples=40,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate()

    ask()
