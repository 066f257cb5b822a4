"""Plane geometry in metres: x to the right, y down, angles in radians from +x towards +y."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # N,2


def rectangle(cx: float, cy: float, length: float, width: float, angle: float) -> Points:
    """The four corners of a rectangle whose long side runs along `angle`."""
    c, s = math.cos(angle) / 2, math.sin(angle) / 2
    ux, uy, vx, vy = c * length, s * length, -s * width, c * width
    return np.array(
        [
            (cx - ux - vx, cy - uy - vy),
            (cx + ux - vx, cy + uy - vy),
            (cx + ux + vx, cy + uy + vy),
            (cx - ux + vx, cy - uy + vy),
        ]
    )


_CIRCLES: dict[int, Points] = {}


def _circle(corners: int) -> Points:
    if corners not in _CIRCLES:
        t = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        _CIRCLES[corners] = np.stack([np.cos(t), np.sin(t)], axis=1)
    return _CIRCLES[corners]


def ellipse(cx: float, cy: float, a: float, b: float, angle: float, corners: int = 24) -> Points:
    """An ellipse as a polygon; `a` and `b` are its half axes."""
    if a == b:
        outline = _circle(corners) * a
    else:
        c, s = math.cos(angle), math.sin(angle)
        outline = _circle(corners) * (a, b) @ np.array([(c, s), (-s, c)])
    outline += (cx, cy)
    return outline


def blob(rng: np.random.Generator, cx: float, cy: float, radius: float, rough: float) -> Points:
    """A closed, smooth, irregular outline of about `radius`."""
    corners = 28
    t = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    r = np.ones(corners)
    for k in (1, 2, 3, 5):
        r += rough / k * rng.normal() * np.cos(k * t + rng.uniform(0, 2 * np.pi))
    r = np.clip(r, 0.35, 1.9) * radius
    stretch = rng.uniform(0.65, 1.0)
    turn = rng.uniform(0, np.pi)
    local = np.stack([r * np.cos(t), r * stretch * np.sin(t)], axis=1)
    c, s = np.cos(turn), np.sin(turn)
    return np.asarray(local @ np.array([(c, s), (-s, c)]) + np.array([cx, cy]))


def smooth(points: Points, rounds: int = 3) -> Points:
    """Chaikin's corner cutting of an open line; the end points stay."""
    line = np.asarray(points, dtype=np.float64)
    for _ in range(rounds):
        a, b = line[:-1], line[1:]
        cut = np.empty((2 * len(a), 2))
        cut[0::2] = 0.75 * a + 0.25 * b
        cut[1::2] = 0.25 * a + 0.75 * b
        line = np.concatenate([line[:1], cut, line[-1:]])
    return line


def offset(line: Points, distance: float) -> Points:
    """The line moved sideways; positive is to the right of its direction (y points down)."""
    step = np.empty_like(line)
    step[0], step[-1] = line[1] - line[0], line[-1] - line[-2]
    if len(line) > 2:
        step[1:-1] = (line[2:] - line[:-2]) / 2
    dx, dy = step[:, 0], step[:, 1]
    k = distance / np.maximum(np.sqrt(dx * dx + dy * dy), 1e-9)
    moved = line.copy()
    moved[:, 0] -= k * dy
    moved[:, 1] += k * dx
    return moved


def ribbon(line: Points, width: float) -> Points:
    """The outline of a band of `width` along a line."""
    return np.concatenate([offset(line, width / 2), offset(line, -width / 2)[::-1]])


def along(line: Points, spacing: float, start: float = 0.0) -> NDArray[np.float64]:
    """Rows of (x, y, angle) every `spacing` metres along a line."""
    seg = np.diff(line, axis=0)
    length = np.sqrt(seg[:, 0] ** 2 + seg[:, 1] ** 2)
    at = np.concatenate([[0.0], np.cumsum(length)])
    s = np.arange(start, at[-1], spacing)
    k = np.clip(np.searchsorted(at, s, side="right") - 1, 0, len(seg) - 1)
    t = ((s - at[k]) / np.maximum(length[k], 1e-9))[:, None]
    xy = line[k] + t * seg[k]
    return np.column_stack([xy, np.arctan2(seg[k, 1], seg[k, 0])])


def stations(line: Points, spacing: float, start: float = 0.0) -> list[list[float]]:
    """The rows of `along` as plain numbers, which are faster to go through one by one."""
    return cast(list[list[float]], along(line, spacing, start).tolist())


def line_length(line: Points) -> float:
    """Length of an open line."""
    return float(np.linalg.norm(np.diff(line, axis=0), axis=1).sum())


def area(outline: Points) -> float:
    """Area of a simple polygon."""
    x, y = outline[:, 0], outline[:, 1]
    twice = x[:-1] @ y[1:] - y[:-1] @ x[1:] + x[-1] * y[0] - y[-1] * x[0]
    return abs(float(twice)) / 2


def inside(outline: Points, points: Points) -> NDArray[np.bool_]:
    """Which of the points lie inside a simple polygon (even-odd rule)."""
    x, y = points[:, 0][:, None], points[:, 1][:, None]
    x1, y1 = outline[:, 0][None], outline[:, 1][None]
    x2, y2 = np.roll(x1, -1, axis=1), np.roll(y1, -1, axis=1)
    crosses = (y1 > y) != (y2 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x1 + (y - y1) / (y2 - y1) * (x2 - x1)
    hits: NDArray[np.bool_] = (crosses & (x < at)).sum(axis=1) % 2 == 1
    return hits
