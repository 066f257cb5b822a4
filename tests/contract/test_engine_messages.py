"""The engine's side of the contract: it answers as recorded."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

pytest.importorskip("rsrefseg", reason="the engine is not installed in this environment")

MESSAGES = Path(__file__).parent / "messages"
TOKEN = "a-token-for-tests"
REQUEST_ID = "5f0c3e1e-6d0a-4b55-9d3f-1d2f6a1b7c11"
ONE_VIEW = "6d6e2a0a-58a3-4e06-9f0f-7b8f0cf4a0c9"

# In the order of a session: later ones refer to earlier ones.
SESSION = {
    "ready": {"method": "GET", "path": "/v1/ready"},
    "health": {"method": "GET", "path": "/v1/health"},
    "put_image": {"method": "POST", "path": "/v1/images", "body_is": "a GeoTIFF in UTM"},
    "put_image_no_crs": {
        "method": "POST",
        "path": "/v1/images",
        "body_is": "a GeoTIFF without CRS",
    },
    "encode": {
        "method": "POST",
        "path": "/v1/encode",
        "json": {
            "request_id": "0b7c1a55-54c1-4d0a-8a39-61f53f7b8f10",
            "image": {"id": "{put_image}"},
            "extent": None,
            "ground_resolution_m": None,
        },
    },
    "segment": {
        "method": "POST",
        "path": "/v1/segment",
        "json": {
            "request_id": REQUEST_ID,
            "image": {"id": "{put_image}"},
            "phrases": ["the red roofs", "blue здание", "the largest green field"],
            "extent": [350_000.0, 3_049_968.0, 350_032.0, 3_050_000.0],
            "ground_resolution_m": 0.25,
            "threshold": 0.5,
            "presence_threshold": None,
            "min_area_m2": 0,
            "simplify_m": 0,
        },
    },
    "segment_refined": {
        "method": "POST",
        "path": "/v1/segment",
        "json": {
            "request_id": ONE_VIEW,
            "image": {"id": "{put_image}"},
            "phrases": ["the red roofs"],
            "right_angles": False,
            "fill_holes_m2": 0,
            "points": [[350_010.25, 3_049_990.75], [350_003.0, 3_049_994.0]],
            "point_labels": [1, 0],
            "box": [350_000.0, 3_049_985.0, 350_016.0, 3_050_000.0],
        },
    },
    "polygons": {
        "method": "POST",
        "path": f"/v1/requests/{ONE_VIEW}/polygons",
        "json": {
            "threshold": 0.85,
            "presence_threshold": None,
            "min_area_m2": 1.0,
            "simplify_m": 0,
            "right_angles": False,
            "fill_holes_m2": 0,
            "phrases": ["the red roofs"],
        },
    },
    "probability": {
        "method": "GET",
        "path": f"/v1/requests/{ONE_VIEW}/probability?phrase=the%20red%20roofs",
    },
    "heat": {"method": "GET", "path": f"/v1/requests/{ONE_VIEW}/heat"},
    "error_unknown_request": {
        "method": "POST",
        "path": "/v1/requests/never-sent/polygons",
        "json": {"threshold": 0.5},
    },
    "segment_no_crs": {
        "method": "POST",
        "path": "/v1/segment",
        "json": {
            "request_id": "a2a0f2f2-8f0f-4c58-bc0f-0f6a6c8c8d5e",
            "image": {"id": "{put_image_no_crs}"},
            "phrases": ["the red roofs"],
        },
    },
    "regularise": {
        "method": "POST",
        "path": "/v1/regularise",
        "json": {
            "crs": 'LOCAL_CS["plane",UNIT["metre",1]]',
            "tolerance_m": 0.5,
            "geometries": [
                {
                    "type": "Polygon",
                    "coordinates": [[[0, 0], [10, 0.2], [10, 8], [0.1, 7.9], [0, 0]]],
                }
            ],
        },
    },
    "events": {"method": "GET", "path": f"/v1/requests/{REQUEST_ID}/events"},
    "cancel": {"method": "POST", "path": "/v1/requests/to-be-cancelled/cancel"},
    "error_cancelled": {
        "method": "POST",
        "path": "/v1/segment",
        "json": {
            "request_id": "to-be-cancelled",
            "image": {"id": "{put_image}"},
            "phrases": ["the red roofs"],
        },
    },
    "error_bad_phrase": {
        "method": "POST",
        "path": "/v1/segment",
        "json": {"request_id": "r-1", "image": {"id": "{put_image}"}, "phrases": ["  "]},
    },
    "error_bad_request": {
        "method": "POST",
        "path": "/v1/segment",
        "json": {"request_id": "r-2", "image": {"id": "{put_image}"}, "phrases": []},
    },
    "error_bad_extent": {
        "method": "POST",
        "path": "/v1/segment",
        "json": {
            "request_id": "r-3",
            "image": {"id": "{put_image}"},
            "phrases": ["the red roofs"],
            "extent": [0, 0, 1, 1],
        },
    },
    "error_unknown_image": {
        "method": "POST",
        "path": "/v1/segment",
        "json": {"request_id": "r-4", "image": {"id": "absent"}, "phrases": ["the red roofs"]},
    },
    "error_bad_raster": {"method": "POST", "path": "/v1/images", "body_is": "a text"},
    "error_unauthorised": {"method": "GET", "path": "/v1/health", "token": "wrong"},
}  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    import warnings

    import numpy as np
    import rasterio
    from affine import Affine
    from rasterio.errors import NotGeoreferencedWarning

    folder = tmp_path_factory.mktemp("pictures")
    bands = np.zeros((3, 64, 64), np.uint8)
    bands[0, 10:20, 5:25] = 230
    bands[0, 13:16, 10:12] = 0
    bands[2, 40:50, 40:60] = 255
    profile = {"driver": "GTiff", "count": 3, "height": 64, "width": 64, "dtype": "uint8"}

    def write(name, **options):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(folder / name, "w", **profile, **options) as dataset:
                dataset.write(bands)
        return (folder / name).read_bytes()

    transform = Affine(0.5, 0, 350_000, 0, -0.5, 3_050_000)
    return {
        "a GeoTIFF in UTM": write("utm.tif", crs="EPSG:32645", transform=transform),
        "a GeoTIFF without CRS": write("plain.tif"),
        "a text": b"not an image",
    }


@pytest.fixture(scope="module")
def answers(pictures):
    """What the app answers to the whole session: name -> response."""
    from rsrefseg.server.app import create_app
    from rsrefseg.server.service import EngineService
    from starlette.testclient import TestClient

    from tests.support.stand_in import StandIn

    service = EngineService(lambda: StandIn(presence=0.9))
    assert service.loaded.wait(10)
    given = {}
    with TestClient(create_app(service, token=TOKEN), base_url="http://127.0.0.1") as client:
        for name, request in SESSION.items():
            given[name] = send(client, request, given, pictures)
    service.stop(5)
    return given


def send(client, request, earlier, pictures):
    headers = {"Authorization": f"Bearer {request.get('token', TOKEN)}"}
    options = {}
    if "body_is" in request:
        options["content"] = pictures[request["body_is"]]
        headers["Content-Type"] = "image/tiff"
    elif "json" in request:
        text = json.dumps(request["json"])
        for name, answer in earlier.items():
            if name.startswith("put_image"):
                text = text.replace(f'"{{{name}}}"', json.dumps(answer["json"]["image_id"]))
        options["json"] = json.loads(text)
    answer = client.request(request["method"], request["path"], headers=headers, **options)
    kind = answer.headers["content-type"].partition(";")[0]
    if kind == "image/tiff":
        body = {"is": "a GeoTIFF" if answer.content[:4] == b"II*\0" else "something else"}
    else:
        body = {"json": answer.json()} if kind == "application/json" else {"text": answer.text}
    return {"status": answer.status_code, "content_type": kind, **body}


def kind_of(value):
    """A JSON type; whole and broken numbers are one."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return "number" if number else type(value).__name__


def shape_problems(given, recorded, where="answer"):
    """Where two messages differ in keys or types; null stands for any type."""
    if given is None or recorded is None:
        return []
    if kind_of(given) != kind_of(recorded):
        return [f"{where}: {kind_of(given)}, recorded {kind_of(recorded)}"]
    if isinstance(given, dict):
        if set(given) != set(recorded):
            return [f"{where}: keys {sorted(given)}, recorded {sorted(recorded)}"]
        return [p for k in given for p in shape_problems(given[k], recorded[k], f"{where}.{k}")]
    if isinstance(given, list):
        pairs = zip(given, recorded, strict=False)
        return [p for i, (g, r) in enumerate(pairs) for p in shape_problems(g, r, f"{where}[{i}]")]
    return []


@pytest.mark.skipif("RSREFSEG_RECORD" not in os.environ, reason="recorded on request only")
def test_record(answers):
    for old in MESSAGES.glob("*.json"):
        old.unlink()
    for name, answer in answers.items():
        pair = {"request": SESSION[name], "response": answer}
        text = json.dumps(pair, indent=2, ensure_ascii=False)
        (MESSAGES / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def test_every_message_of_the_session_is_recorded():
    assert {path.stem for path in MESSAGES.glob("*.json")} == set(SESSION)


@pytest.mark.parametrize("name", SESSION)
def test_the_engine_answers_as_recorded(answers, name):
    pair = json.loads((MESSAGES / f"{name}.json").read_text(encoding="utf-8"))
    given, recorded = answers[name], pair["response"]
    assert pair["request"] == SESSION[name]
    assert given["status"] == recorded["status"]
    assert given["content_type"] == recorded["content_type"]
    assert shape_problems(given.get("json"), recorded.get("json")) == []
    assert given.get("is") == recorded.get("is")
    if "text" in recorded:
        assert given["text"].split("\n")[0] == recorded["text"].split("\n")[0]
    if recorded["status"] >= 400:
        assert given["json"]["error"]["code"] == recorded["json"]["error"]["code"]


@pytest.mark.parametrize("name", SESSION)
def test_recorded_answers_are_what_openapi_says(name):
    from rsrefseg.server import schemas

    types = {
        "ready": schemas.ReadyAnswer,
        "health": schemas.HealthAnswer,
        "put_image": schemas.ImageAnswer,
        "encode": schemas.EncodeAnswer,
        "segment": schemas.SegmentAnswer,
        "polygons": schemas.SegmentAnswer,
        "cancel": schemas.CancelAnswer,
        "regularise": schemas.RegulariseAnswer,
        "error": schemas.ErrorAnswer,
    }
    pair = json.loads((MESSAGES / f"{name}.json").read_text(encoding="utf-8"))
    kind = next((t for prefix, t in types.items() if name.startswith(prefix)), None)
    if kind is None:
        assert name in ("events", "probability", "heat")
        return
    answer = pair["response"]["json"]
    assert kind.model_validate(answer).model_dump() == answer


def test_the_recorded_segment_says_all_there_is_to_say():
    pair = json.loads((MESSAGES / "segment.json").read_text(encoding="utf-8"))
    red, blue, green = pair["response"]["json"]["results"]
    assert len(red["features"][0]["geometry"]["coordinates"]) == 2
    assert blue["unknown_words"] == ["здание"]
    assert green["features"] == []
    assert any("largest" in sentence for sentence in pair["response"]["json"]["warnings"])
