"""The OpenAPI document against the app: whatever it allows, or forbids, is answered as it says."""

from __future__ import annotations

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.hostile import tiff

TOKEN = "a-token-for-tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}", "Host": "127.0.0.1"}
# Following the events of a request that never came waits for it, by design.
WAITING = "/v1/requests/{request_id}/events"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def app():
    from rsrefseg.server.app import create_app
    from rsrefseg.server.service import EngineService

    from tests.support.stand_in import StandIn

    service = EngineService(StandIn)
    assert service.loaded.wait(10)
    yield create_app(service, token=TOKEN)
    assert service.stop(5)


@pytest.fixture(scope="module")
def operations(app):
    document = schemathesis.openapi.from_asgi("/v1/openapi.json", app, headers=HEADERS)
    return {found.ok().label: found.ok() for found in document.get_all_operations()}


@schemathesis.serializer("image/tiff")
def serialise_tiff(_context, value):
    return bytes(value) if isinstance(value, (bytes, bytearray)) else str(value).encode()


@pytest.fixture(scope="module")
def known(app):
    """An image that is there and a request that was answered: names that fuzzing never guesses."""
    from starlette.testclient import TestClient

    with TestClient(app, base_url="http://127.0.0.1", headers=HEADERS) as client:
        image = client.post("/v1/images", content=tiff()).json()["image_id"]
        body = {"request_id": "known", "image": {"id": image}, "phrases": ["red"]}
        assert client.post("/v1/segment", json=body).status_code == 200
    return image


OPERATIONS = (
    "GET /v1/ready",
    "GET /v1/health",
    "POST /v1/images",
    "POST /v1/encode",
    "POST /v1/segment",
    "POST /v1/requests/{request_id}/polygons",
    "GET /v1/requests/{request_id}/probability",
    "GET /v1/requests/{request_id}/heat",
    "POST /v1/regularise",
    "POST /v1/requests/{request_id}/cancel",
)


def test_all_operations_are_tried(operations):
    assert set(operations) == {*OPERATIONS, f"GET {WAITING}"}


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_as_the_document_says(operations, known, label, mode):
    operation = operations[label]

    @hypothesis.settings(
        max_examples=20,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def answer_all(case):
        if mode is GenerationMode.POSITIVE:
            if isinstance(case.body, dict) and "image" in case.body:
                case.body["image"] = {"id": known}
            if case.path_parameters and label != OPERATIONS[-1]:
                case.path_parameters["request_id"] = "known"
        answer = case.call(headers=HEADERS)
        case.validate_response(answer, checks=CHECKS)
        if answer.status_code >= 400:
            message = answer.json()["error"]["message"]
            assert message.endswith(".")
            assert "Traceback" not in message

    try:
        answer_all()
    except hypothesis.errors.Unsatisfiable:
        pytest.skip("nothing about it can be wrong")
