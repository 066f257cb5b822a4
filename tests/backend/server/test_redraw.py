from __future__ import annotations

import numpy as np
import pytest

CODES = {404: "unknown_request", 422: "bad_input"}


@pytest.fixture
def asked(upload, segment, stand_in):
    bands = np.zeros((3, 64, 64), np.uint8)
    bands[0, 10:20, 5:25] = 255
    bands[0, 40:50, 40:60] = 153
    bands[1, 5:8, 5:8] = 255
    image = upload(bands)
    answer = segment(image, "red", "green").json()
    assert len(answer["results"][0]["features"]) == 2
    return answer


def redraw(client, asked, **options):
    return client.post(f"/v1/requests/{asked['request_id']}/polygons", json=options)


def test_a_threshold_is_applied_without_the_model(client, asked, stand_in):
    calls = len(stand_in.asked)
    same = redraw(client, asked).json()
    assert same["results"] == asked["results"]
    assert {k: same[k] for k in ("crs", "model", "resolution_m", "warnings")} == {
        k: asked[k] for k in ("crs", "model", "resolution_m", "warnings")
    }
    fewer = redraw(client, asked, threshold=0.7, phrases=["red"]).json()
    (red,) = fewer["results"]
    assert len(red["features"]) == 1
    large = redraw(client, asked, min_area_m2=10).json()
    assert [len(r["features"]) for r in large["results"]] == [2, 0]
    assert len(stand_in.asked) == calls


@pytest.mark.parametrize("kind", ["probability", "heat"])
def test_maps_can_be_fetched(client, asked, kind):
    from rasterio.io import MemoryFile

    path = f"/v1/requests/{asked['request_id']}/{kind}"
    answer = client.get(path, params={"phrase": "red"})
    assert answer.headers["content-type"] == "image/tiff"
    with MemoryFile(answer.content) as memory, memory.open() as dataset:
        assert dataset.read(1)[45, 50] == pytest.approx(0.6)
        assert dataset.bounds.top == 3_050_000
    assert client.get(path).content == answer.content


def test_what_was_not_asked_or_is_gone(client, asked):
    other = {"request_id": "never"}
    answers = [
        (redraw(client, other), 404),
        (redraw(client, asked, phrases=["blue"]), 422),
        (client.get("/v1/requests/never/heat"), 404),
        (client.get(f"/v1/requests/{asked['request_id']}/heat?phrase=blue"), 422),
    ]
    for answer, status in answers:
        assert answer.status_code == status
        assert answer.json()["error"]["code"] == CODES[status]
    assert redraw(client, asked, threshold=2).status_code == 422
    assert redraw(client, {"request_id": "a b"}).status_code == 422


def test_old_maps_make_room_for_new_ones(stand_in, headers, make_raster):
    from rsrefseg.server.app import create_app
    from rsrefseg.server.images import Limits
    from rsrefseg.server.service import EngineService
    from starlette.testclient import TestClient

    service = EngineService(lambda: stand_in, Limits(maps_bytes=50_000))
    assert service.loaded.wait(5)
    app = create_app(service, token="a-token-for-tests")
    path = str(make_raster(np.zeros((3, 64, 64), np.uint8)))
    with TestClient(app, base_url="http://127.0.0.1", headers=headers) as client:
        for i in range(5):
            body = {"request_id": f"r{i}", "image": {"path": path}, "phrases": ["red"]}
            assert client.post("/v1/segment", json=body).status_code == 200
        statuses = [redraw(client, {"request_id": f"r{i}"}).status_code for i in range(5)]
        maps = client.get("/v1/health").json()["cache"]["maps"]
    service.stop(5)
    assert statuses == [404, 404, 404, 200, 200]
    assert maps["count"] == 2
    assert maps["bytes"] <= maps["budget_bytes"] == 50_000


def test_an_extent_is_read_once(client, upload, segment, monkeypatch):
    from rsrefseg.predict import view

    opened = []
    real = view.open_raster
    monkeypatch.setattr(view, "open_raster", lambda *a, **k: opened.append(1) or real(*a, **k))
    image = upload()
    client.post("/v1/encode", json={"image": {"id": image}})
    for phrase in ("red", "green"):
        assert segment(image, phrase).status_code == 200
    assert len(opened) == 1
    assert segment(image, "red", extent=[350_000, 3_049_990, 350_010, 3_050_000]).status_code == 200
    assert len(opened) == 2


def test_a_file_that_changed_is_read_again(make_raster, segment):
    bands = np.zeros((3, 16, 16), np.uint8)
    source = {"path": str(make_raster(bands))}
    assert segment(source, "red").json()["results"][0]["features"] == []
    bands[0, 3:5, 3:5] = 255
    make_raster(bands)
    assert len(segment(source, "red").json()["results"][0]["features"]) == 1


def test_clicks_and_boxes_refine(upload, segment):
    image = upload(np.zeros((3, 64, 64), np.uint8))
    click = {"points": [[350_010.25, 3_049_989.75]], "point_labels": [1]}
    (feature,) = segment(image, "red", **click).json()["results"][0]["features"]
    xs, ys = zip(*feature["geometry"]["coordinates"][0], strict=True)
    assert (min(xs), max(xs), min(ys), max(ys)) == (350_010, 350_010.5, 3_049_989.5, 3_049_990)
    del click["point_labels"]
    assert segment(image, "red", **click).json()["results"][0]["features"] == [feature]
    red = upload()
    boxed = segment(red, "red", box=[350_000, 3_049_992.5, 350_007.5, 3_050_000]).json()
    (feature,) = boxed["results"][0]["features"]
    assert feature["properties"]["area_m2"] == pytest.approx(5 * 2.5, rel=2e-3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"points": [[0, 0]]}, "outside the extent"),
        ({"points": [[350_010, 3_049_990]], "point_labels": [1, 0]}, "one label for each"),
        ({"points": [[350_010, 3_049_990]], "point_labels": [3]}, "not understood"),
        ({"points": [[1]]}, "not understood"),
        ({"box": [2, 2, 1, 1]}, "xmin < xmax"),
        ({"box": [0, 0, 1, 1]}, "outside the extent"),
    ],
)
def test_refinements_that_make_no_sense(upload, segment, change, says):
    answer = segment(upload(), "red", **change)
    assert answer.status_code == 422
    assert says in answer.json()["error"]["message"]


def test_refining_needs_one_window(upload, segment):
    image = upload(np.zeros((3, 300, 300), np.uint8))
    answer = segment(image, "red", points=[[350_010, 3_049_990]])
    assert answer.status_code == 422
    assert "zoom in" in answer.json()["error"]["message"]


def test_a_request_on_several_windows_can_be_redrawn_too(client, upload, segment):
    bands = np.zeros((3, 200, 200), np.uint8)
    bands[0, 50:100, 20:180] = 255
    bands[0, 120:130, 20:180] = 153
    asked = segment(upload(bands), "red").json()
    assert asked["windows"] > 1
    assert len(redraw(client, asked).json()["results"][0]["features"]) == 2
    assert len(redraw(client, asked, threshold=0.7).json()["results"][0]["features"]) == 1
    path = f"/v1/requests/{asked['request_id']}"
    assert client.get(f"{path}/probability").status_code == 200
    answer = client.get(f"{path}/heat")
    assert answer.status_code == 422
    assert "smaller extent" in answer.json()["error"]["message"]


@pytest.mark.parametrize("size", [64, 200])
def test_holes_are_filled_and_outlines_straightened_without_the_model(
    client, upload, segment, stand_in, size
):
    bands = np.zeros((3, size, size), np.uint8)
    bands[0, 10:40, 10:40] = 255
    bands[0, 20:24, 20:24] = 0  # a hole of 4 m2
    bands[0, 10, 25] = 0  # a notch of one pixel
    asked = segment(upload(bands), "red").json()
    calls = len(stand_in.asked)

    def rings(**options):
        (feature,) = redraw(client, asked, **options).json()["results"][0]["features"]
        return feature["geometry"]["coordinates"]

    assert [len(ring) for ring in rings()] == [9, 5]
    assert len(rings(fill_holes_m2=3)) == 2
    assert len(rings(fill_holes_m2=5)) == 1
    straight = rings(fill_holes_m2=5, right_angles=True, simplify_m=1)
    assert len(straight[0]) == 5
    assert len(stand_in.asked) == calls
    direct = segment(upload(bands), "red", fill_holes_m2=5, right_angles=True, simplify_m=1)
    (feature,) = direct.json()["results"][0]["features"]
    assert feature["geometry"]["coordinates"] == straight
