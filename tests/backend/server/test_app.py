from __future__ import annotations

import json

import numpy as np
import pytest
from rsrefseg import __version__
from rsrefseg.server.schemas import HealthAnswer, SegmentAnswer


def error_of(answer):
    """The error of an answer, which is one sentence."""
    error = answer.json()["error"]
    assert error["message"][0].isupper()
    assert error["message"].endswith(".")
    assert "Traceback" not in answer.text
    return error


def test_ready_needs_no_token(client):
    answer = client.get("/v1/ready", headers={"Authorization": ""})
    assert answer.json() == {"api_version": 1, "state": "ready"}


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", "Basic a-token-for-tests", "a-token-for-tests"]
)
def test_everything_else_needs_the_token(client, authorization):
    for method, path in (("GET", "/v1/health"), ("POST", "/v1/segment"), ("GET", "/nowhere")):
        answer = client.request(method, path, headers={"Authorization": authorization})
        assert answer.status_code == 401
        assert error_of(answer)["code"] == "unauthorised"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_other_host_names_are_refused(client, host):
    answer = client.get("/v1/health", headers={"Host": host})
    assert answer.status_code == 403
    assert error_of(answer)["code"] == "forbidden_host"


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:1", "LOCALHOST", "[::1]:5"])
def test_its_own_names_are_not(client, host):
    assert client.get("/v1/health", headers={"Host": host}).status_code == 200


def test_health(client):
    health = HealthAnswer.model_validate_json(client.get("/v1/health").content)
    assert (health.state, health.engine_version, health.error) == ("ready", __version__, None)
    assert health.model.name == "stand-in"
    assert health.device.why.endswith(".")
    assert health.cache.budget_bytes == 0


def test_an_upload_says_what_it_is(client, make_raster):
    path = make_raster(np.zeros((3, 20, 30), np.uint16))
    answer = client.post("/v1/images", content=path.read_bytes())
    image = answer.json()
    assert answer.status_code == 201
    assert (image["width"], image["height"], image["bands"], image["dtype"]) == (
        30, 20, 3, "uint16",
    )  # fmt: skip
    assert image["transform"] == [0.5, 0, 350_000, 0, -0.5, 3_050_000]
    assert "UTM" in image["crs"]
    again = client.post("/v1/images", content=path.read_bytes())
    assert again.json()["image_id"] == image["image_id"]


def test_segment(upload, segment):
    answer = segment(upload(), "red", "blue", threshold=0.4)
    assert answer.status_code == 200
    body = SegmentAnswer.model_validate_json(answer.content)
    red, blue = body.results
    assert body.model.sha256 == "0" * 64
    assert body.windows == 1
    assert (red.phrase, blue.phrase, blue.features) == ("red", "blue", [])
    (feature,) = red.features
    assert feature.properties.phrase == "red"
    assert feature.properties.area_m2 == pytest.approx(50, rel=2e-3)
    ring = {tuple(corner) for corner in feature.geometry.coordinates[0]}
    assert ring == {
        (350_002.5, 3_049_995),
        (350_012.5, 3_049_995),
        (350_012.5, 3_049_990),
        (350_002.5, 3_049_990),
    }


def test_coordinates_survive_the_wire_to_the_last_bit(upload, segment):
    from affine import Affine

    transform = Affine(0.1, 0, 350_000.123456789, 0, -0.1, 3_050_000.987654321)
    body = segment(upload(transform=transform), "red").json()
    for x, y in body["results"][0]["features"][0]["geometry"]["coordinates"][0]:
        assert x in (transform.a * 5 + transform.c, transform.a * 25 + transform.c)
        assert y in (transform.e * 10 + transform.f, transform.e * 20 + transform.f)


def test_a_file_can_be_read_in_place(make_raster, segment):
    path = make_raster(np.zeros((3, 16, 16), np.uint8))
    assert segment({"path": str(path)}, "red").status_code == 200


def test_paths_that_may_not_be_read(segment, make_raster, tmp_path):
    path = make_raster(np.zeros((3, 16, 16), np.uint8))
    vrt = tmp_path / "trick.vrt"
    vrt.write_text(
        '<VRTDataset rasterXSize="1" rasterYSize="1"><VRTRasterBand dataType="Byte" band="1">'
        f'<SimpleSource><SourceFilename relativeToVRT="0">{path}</SourceFilename>'
        "<SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    for bad in (
        "/vsicurl/http://127.0.0.1:1/x.tif",
        "/VSIZIP/x",
        "http://127.0.0.1:1/x.tif",
        "relative.tif",
        "/etc",
        "/etc/passwd",
        "/nowhere/x.tif",
        f"GTIFF_DIR:1:{path}",
        "x\0y",
        "",
        str(vrt),
    ):
        answer = segment({"path": bad}, "red")
        assert answer.status_code == 422, bad
        assert error_of(answer)["code"] in ("bad_path", "bad_raster")


def test_encode_then_segment(client, upload, stand_in):
    image = upload()
    body = {"request_id": "ahead-1", "image": {"id": image}, "extent": None}
    answer = client.post("/v1/encode", json=body)
    assert answer.json()["request_id"] == "ahead-1"
    assert answer.json()["windows"] == 1
    assert len(stand_in.encoded) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"phrases": []}, "bad_request"),
        ({"phrases": [" "]}, "bad_phrase"),
        ({"phrases": ["building " * 250]}, "bad_phrase"),
        ({"phrases": "red"}, "bad_request"),
        ({"threshold": 1.5}, "bad_request"),
        ({"threshold": "high"}, "bad_request"),
        ({"presence_threshold": -1}, "bad_request"),
        ({"min_area_m2": -1}, "bad_request"),
        ({"ground_resolution_m": 0}, "bad_request"),
        ({"extent": [0, 0, 1]}, "bad_request"),
        ({"extent": [0, 0, 1, 1]}, "bad_extent"),
        ({"extent": [9, 9, 1, 1]}, "bad_extent"),
        ({"image": {}}, "bad_request"),
        ({"image": {"id": "x", "path": "/x"}}, "bad_request"),
        ({"request_id": "../../etc"}, "bad_request"),
    ],
)
def test_bad_requests_get_one_sentence(client, upload, change, code):
    body = {"request_id": "r1", "image": {"id": upload()}, "phrases": ["red"], **change}
    answer = client.post("/v1/segment", json=body)
    assert answer.status_code == 422
    assert error_of(answer)["code"] == code


def test_phrases_in_another_script_give_a_result(upload, segment):
    (result,) = segment(upload(), "красная крыша").json()["results"]
    assert result["phrase"] == "красная крыша"
    assert result["unknown_words"] == ["красная", "крыша"]


def test_bodies_that_are_not_what_they_should_be(client):
    for content in (b"", b"{", b"[]", b"\xff\xfe", b"null"):
        answer = client.post(
            "/v1/segment", content=content, headers={"Content-Type": "application/json"}
        )
        assert answer.status_code == 422
        assert error_of(answer)["code"] == "bad_request"
    for content in (b"", b"II*\0", b"GIF89a"):
        answer = client.post("/v1/images", content=content)
        assert answer.status_code == 422
        assert error_of(answer)["code"] == "bad_raster"


def test_images_that_are_gone_are_asked_for_again(segment):
    answer = segment("absent", "red")
    assert answer.status_code == 404
    assert error_of(answer)["code"] == "unknown_image"


def test_addresses_and_methods_that_are_not_there(client):
    assert error_of(client.get("/v1/nowhere"))["code"] == "not_found"
    assert error_of(client.get("/v1/segment"))["code"] == "bad_method"


def test_events_follow_a_request_to_its_end(client, upload, segment):
    body = segment(upload(), "red").json()
    text = client.get(f"/v1/requests/{body['request_id']}/events").text
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]
    assert blocks[-1][0] == "event: done"
    assert blocks[0][0] == "event: progress"
    data = json.loads(blocks[0][1].removeprefix("data: "))
    assert data == {"fraction": 1.0, "message": "Done."}


def test_a_request_that_was_cancelled_before_it_came(client, upload):
    assert client.post("/v1/requests/early/cancel").status_code == 202
    body = {"request_id": "early", "image": {"id": upload()}, "phrases": ["red"]}
    answer = client.post("/v1/segment", json=body)
    assert answer.status_code == 499
    assert error_of(answer)["code"] == "cancelled"
    assert error_of(answer)["request_id"] == "early"


def test_uploads_over_the_limits_are_refused(stand_in, headers, make_raster):
    from rsrefseg.server.app import create_app
    from rsrefseg.server.images import Limits
    from rsrefseg.server.service import EngineService
    from starlette.testclient import TestClient

    service = EngineService(lambda: stand_in, Limits(upload_bytes=100_000, pixels=10_000, bands=4))
    app = create_app(service, token="a-token-for-tests")
    with TestClient(app, base_url="http://127.0.0.1", headers=headers) as client:
        heavy = client.post("/v1/images", content=b"\0" * 100_001)
        chunked = client.post("/v1/images", content=iter([b"\0" * 60_000, b"\0" * 60_000]))
        many = make_raster(np.zeros((1, 200, 200), np.uint8), compress="deflate")
        bands = make_raster(np.zeros((5, 20, 20), np.uint8), name="bands.tif")
        answers = [heavy, chunked]
        answers += [client.post("/v1/images", content=p.read_bytes()) for p in (many, bands)]
    service.stop(5)
    for answer in answers:
        assert answer.status_code == 413
        assert error_of(answer)["code"] == "too_large"


def test_a_model_that_does_not_load_is_said_and_asked_of(headers, make_raster):
    from rsrefseg.errors import WeightsError
    from rsrefseg.server.app import create_app
    from rsrefseg.server.service import EngineService
    from starlette.testclient import TestClient

    def load():
        raise WeightsError("The weights are damaged: get them again.")

    service = EngineService(load)
    assert service.loaded.wait(5)
    with TestClient(
        create_app(service, token="a-token-for-tests"), base_url="http://127.0.0.1", headers=headers
    ) as client:
        health = client.get("/v1/health").json()
        path = make_raster(np.zeros((3, 8, 8), np.uint8))
        answer = client.post("/v1/segment", json={"image": {"path": str(path)}, "phrases": ["x"]})
    service.stop(5)
    assert (health["state"], health["model"]) == ("failed", None)
    assert health["error"]["code"] == "bad_weights"
    assert error_of(answer)["message"] == "The weights are damaged: get them again."


def test_an_unforeseen_error_stays_inside(upload, segment, stand_in):
    def fail():
        raise ZeroDivisionError("secret detail")

    stand_in.on_encode = fail
    answer = segment(upload(), "red")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert error_of(answer)["code"] == "engine_error"
    stand_in.on_encode = lambda: None
    assert segment(upload(), "red").status_code == 200


def test_openapi_describes_every_address_and_every_body(client):
    document = client.get("/v1/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/ready",
        "/v1/health",
        "/v1/images",
        "/v1/encode",
        "/v1/segment",
        "/v1/requests/{request_id}/cancel",
        "/v1/requests/{request_id}/events",
        "/v1/requests/{request_id}/polygons",
        "/v1/requests/{request_id}/probability",
        "/v1/requests/{request_id}/heat",
        "/v1/regularise",
    }
    segment = document["paths"]["/v1/segment"]["post"]
    assert segment["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith(
        "SegmentBody"
    )
    assert segment["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].endswith(
        "SegmentAnswer"
    )
    assert "4XX" in segment["responses"]
