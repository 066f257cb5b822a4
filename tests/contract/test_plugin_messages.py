"""The plugin's side of the contract: its client reads what was recorded, and sends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rsrefseg_qgis.engine.client import EngineClient
from rsrefseg_qgis.engine.mock_transport import MockTransport
from rsrefseg_qgis.engine.transport import RawResponse
from rsrefseg_qgis.engine.wire import EncodeRequest, ImageRef, PolygonsRequest, SegmentRequest
from rsrefseg_qgis.errors import CancelledError, EngineAnswerError, EngineTokenError

MESSAGES = Path(__file__).parent / "messages"


class Recorded:
    """A client that is given one recorded answer."""

    def __init__(self, name: str) -> None:
        self.pair = json.loads((MESSAGES / f"{name}.json").read_text(encoding="utf-8"))
        answer = self.pair["response"]
        text = json.dumps(answer["json"]) if "json" in answer else answer.get("text", "II*\0")
        self.transport = MockTransport(lambda _: RawResponse(answer["status"], text.encode()))
        self.client = EngineClient("http://127.0.0.1:1", "token", self.transport)
        self.request = self.pair["request"]

    def assert_sent(self, *, least: bool = False) -> None:
        """The client sent the recorded request; `least`: and what else it may say."""
        (sent,) = self.transport.sent
        assert (sent.method, sent.path) == (self.request["method"], self.request["path"])
        if "json" in self.request:
            body, wanted = json.loads(sent.body), self.request["json"]
            assert (body if not least else {k: body[k] for k in wanted}) == wanted


def segment_request(json_: dict) -> SegmentRequest:
    fields = {k: v for k, v in json_.items() if k not in ("image", "phrases")}
    for name in ("points", "point_labels", "box", "extent"):
        if fields.get(name) is not None:
            fields[name] = tuple(tuple(v) if isinstance(v, list) else v for v in fields[name])
    return SegmentRequest(
        image=ImageRef(**json_["image"]), phrases=tuple(json_["phrases"]), **fields
    )


def test_health() -> None:
    recorded = Recorded("health")
    health = recorded.client.health()
    recorded.assert_sent()
    assert health.state == "ready"
    assert health.model is not None
    assert health.model.tile_px == 64
    assert health.cache is not None
    assert health.cache.maps is not None
    assert health.cache.maps.budget_bytes > 0
    assert health.queue is not None
    assert health.queue.waiting == 0


def test_put_image() -> None:
    recorded = Recorded("put_image")
    image = recorded.client.put_image(b"a TIFF")
    assert (image.width, image.height, image.transform[0]) == (64, 64, 0.5)
    assert Recorded("put_image_no_crs").client.put_image(b"another").crs is None


def test_encode() -> None:
    recorded = Recorded("encode")
    wanted = recorded.request["json"]
    request = EncodeRequest(wanted["request_id"], ImageRef(**wanted["image"]))
    assert recorded.client.encode(request).windows == 1
    recorded.assert_sent(least=True)


@pytest.mark.parametrize("name", ["segment", "segment_no_crs", "segment_refined"])
def test_segment(name: str) -> None:
    recorded = Recorded(name)
    answer = recorded.client.segment(segment_request(recorded.request["json"]))
    recorded.assert_sent(least=True)
    assert [result.phrase for result in answer.results] == recorded.request["json"]["phrases"]
    assert answer.results[0].features[0].geometry["type"] == "Polygon"
    assert (answer.crs is None) == (name == "segment_no_crs")


def test_polygons() -> None:
    recorded = Recorded("polygons")
    options = {**recorded.request["json"], "phrases": tuple(recorded.request["json"]["phrases"])}
    request_id = recorded.request["path"].split("/")[3]
    answer = recorded.client.polygons(PolygonsRequest(request_id, **options))
    recorded.assert_sent()
    assert answer.results[0].features


def test_maps() -> None:
    recorded = Recorded("probability")
    request_id = recorded.request["path"].split("/")[3]
    assert recorded.client.probability(request_id, "the red roofs")[:3] == b"II*"
    recorded.assert_sent()
    recorded = Recorded("heat")
    assert recorded.client.heat(request_id)[:3] == b"II*"
    recorded.assert_sent()


def test_regularise() -> None:
    recorded = Recorded("regularise")
    wanted = recorded.request["json"]
    (made,) = recorded.client.regularise(wanted["geometries"], wanted["crs"], wanted["tolerance_m"])
    recorded.assert_sent()
    assert made["type"] == "MultiPolygon"


def test_events() -> None:
    recorded = Recorded("events")
    events = list(recorded.client.events(recorded.request["path"].split("/")[3]))
    recorded.assert_sent()
    assert events[-1].kind == "done"


def test_cancel() -> None:
    recorded = Recorded("cancel")
    recorded.client.cancel("to-be-cancelled")
    recorded.assert_sent()


@pytest.mark.parametrize("path", sorted(MESSAGES.glob("error_*.json")), ids=lambda p: p.stem)
def test_errors(path: Path) -> None:
    recorded = Recorded(path.stem)
    error = recorded.pair["response"]["json"]["error"]
    request = SegmentRequest("r", ImageRef(id="x"), ("red",))
    with pytest.raises((EngineAnswerError, CancelledError, EngineTokenError)) as caught:
        recorded.client.segment(request)
    if error["code"] == "cancelled":
        assert isinstance(caught.value, CancelledError)
    elif error["code"] == "unauthorised":
        assert isinstance(caught.value, EngineTokenError)
    else:
        assert isinstance(caught.value, EngineAnswerError)
        assert caught.value.code == error["code"]
        assert str(caught.value) == error["message"]
