from __future__ import annotations

import hypothesis
import numpy as np
import pytest
import shapely
from hypothesis import strategies
from rsrefseg.errors import CancelledError, InputError
from rsrefseg.geo.regularise import regularise
from shapely.affinity import rotate, translate
from shapely.geometry import mapping, shape

UTM = "EPSG:32633"


def made_of(geometry: shapely.Geometry, crs: str | None = UTM, tolerance_m: float = 1.0):
    (result,) = regularise([mapping(geometry)], crs, tolerance_m)
    return shape(result)


def corners_deg(ring: shapely.LinearRing) -> np.ndarray:
    """The angles between sides that follow one another, modulo a right angle."""
    points = np.asarray(ring.coords)[:-1]
    sides = np.roll(points, -1, axis=0) - points
    angles = np.degrees(np.arctan2(sides[:, 1], sides[:, 0]))
    turns = (angles - np.roll(angles, 1)) % 90
    return np.minimum(turns, 90 - turns)


@pytest.mark.parametrize("angle", [0, 7, 30, 45, 80])
def test_wobbly_house_gets_right_angles(angle: float) -> None:
    house = shapely.Polygon(
        [(0, 0), (6, 0.2), (12, -0.1), (12.2, 8), (7, 8.1), (7, 14), (0.1, 13.8), (-0.1, 6)]
    )
    placed = rotate(translate(house, 500_000, 5_200_000), angle)
    made = made_of(placed)
    assert made.geom_type == "MultiPolygon"
    (polygon,) = made.geoms
    assert len(polygon.exterior.coords) == 7
    assert corners_deg(polygon.exterior).max() < 1e-3
    assert made.intersection(placed).area / made.union(placed).area > 0.9


def test_degrees_are_measured_on_the_ground() -> None:
    side = 10 / 111_320
    corners = [(0, 0), (2, 0.03), (2, 1), (0, 1)]
    at_60 = shapely.Polygon([(20 + side * x, 60 + side * y) for x, y in corners])
    made = made_of(at_60, "EPSG:4326")
    (polygon,) = made.geoms
    assert len(polygon.exterior.coords) == 5
    assert made.intersection(at_60).area / made.union(at_60).area > 0.9


def test_lake_keeps_its_shape_and_holes_stay() -> None:
    lake = shapely.Point(0, 0).buffer(30, 64)
    assert made_of(lake).symmetric_difference(lake).area / lake.area < 0.1
    court = shapely.box(0, 0, 30, 30) - shapely.box(10, 10, 20, 20)
    assert len(made_of(court).geoms[0].interiors) == 1


@hypothesis.settings(max_examples=200, deadline=None)
@hypothesis.given(
    strategies.lists(
        strategies.tuples(strategies.integers(0, 12), strategies.integers(0, 12)),
        min_size=3,
        max_size=12,
    ),
    strategies.floats(0, 10),
)
@hypothesis.example([(1, 1), (2, 2), (3, 3), (0, 0), (2, 3), (3, 3)], 0.0)  # back over itself
def test_whatever_is_drawn_comes_out_valid(points: list[tuple[int, int]], tolerance: float) -> None:
    drawn = shapely.Polygon(points)
    hypothesis.assume(shapely.make_valid(drawn).area > 0)
    made = made_of(drawn, None, tolerance)
    assert made.is_valid
    assert made.area > 0


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        {"type": "Point", "coordinates": [0, 0]},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[0, 0], [1, 1]]},
        {"type": "Polygon", "coordinates": "here"},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[0, 0], [1e300, 0], [1e300, 1e300], [0, 0]]]},
        {"type": "GeometryCollection", "geometries": [{"type": "Nothing"}]},
    ],
)
def test_what_is_no_polygon_is_a_sentence(geometry: dict) -> None:
    with pytest.raises(InputError, match=r"Polygons|leave it out"):
        regularise([geometry], None, 1.0)


def test_a_tangled_outline_is_repaired_or_refused_but_never_worked_at_for_ever() -> None:
    places = np.random.default_rng(0)
    tangled = shapely.Polygon(places.random((60, 2)) * 100)
    assert made_of(tangled).is_valid
    with pytest.raises(InputError, match="repair it first"):
        made_of(shapely.Polygon(places.random((3000, 2)) * 100))


def test_an_outline_of_thousands_of_corners_is_no_building() -> None:
    steps = np.repeat(np.arange(3000.0), 2)
    stairs = shapely.Polygon([*zip(steps[:-1], steps[1:], strict=True), (3000, 0)])
    made = made_of(stairs, tolerance_m=0.1)
    assert made.symmetric_difference(stairs).area < 0.01 * stairs.area


def test_it_stops_between_outlines_when_told_to() -> None:
    house = mapping(shapely.box(0, 0, 10, 10))
    with pytest.raises(CancelledError):
        regularise([house], UTM, 1.0, cancelled=lambda: True)
