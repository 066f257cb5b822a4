"""Where one thing lies with respect to another: tests that say yes, no, or leave it in doubt."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.scenes.geometry import Points, along
from rsrefseg.scenes.phrases.speaker import MAYBE, NO, YES, Speaker, Truth
from rsrefseg.scenes.view import Seen

Test = Callable[[Seen], Truth]


def remembering(test: Test) -> Test:
    """The same test, which asks itself only once about each thing."""
    known: dict[Seen, Truth] = {}

    def remembered(s: Seen) -> Truth:
        answer = known.get(s)
        if answer is None:
            answer = known[s] = test(s)
        return answer

    return remembered


def side_of_line(sp: Speaker, line: Seen, side: str) -> Test | None:
    """Left, right, above or below a long thing, judged at the object's own height or column.

    None if the line does not run across the picture the way that the word needs.
    """
    key = ("side of line", line.id, side)
    return sp.view.once(key, lambda: _side_of_line(sp, line, side))


def _side_of_line(sp: Speaker, line: Seen, side: str) -> Test | None:
    entity = line.entity
    if entity.axis is None:
        return None
    axis = entity.axis / sp.view.resolution_m
    across, run = (0, 1) if side in ("left", "right") else (1, 0)
    extent = (sp.cols, sp.rows)
    seen = axis[np.all((axis > -4) & (axis < np.array(extent) + 4), axis=1)]
    if len(axis) < 2:
        return None
    step = np.abs(np.diff(axis, axis=0)).sum(axis=0)
    if step[run] < 1.25 * step[across] or (not len(seen) and len(axis) > 8):
        return None
    order = np.argsort(axis[:, run])
    ts, xs = axis[order, run], axis[order, across]
    half = 0.5 * entity.width_m / sp.view.resolution_m
    sign = -1.0 if side in ("left", "above") else 1.0

    def test(s: Seen) -> Truth:
        where = s.cy if run == 1 else s.cx
        if not ts[0] <= where <= ts[-1]:
            return MAYBE
        at = float(np.interp(where, ts, xs))
        centre = s.cx if across == 0 else s.cy
        low, high = (s.x0, s.x1) if across == 0 else (s.y0, s.y1)
        gap = sign * (centre - at)
        near_edge = sign * ((low if sign > 0 else high) - at)
        if gap > half + 2 and near_edge > -0.25 * (high - low):
            return YES
        return NO if gap < -half else MAYBE

    return test


def side_of_thing(sp: Speaker, anchor: Seen, side: str) -> Test:
    """Left, right, above or below a compact thing: within a cone on that side."""
    sideways, forward = side in ("left", "right"), side in ("right", "below")

    def clear(s: Seen) -> bool:
        if sideways:
            return s.x0 >= anchor.x1 - 3 if forward else s.x1 <= anchor.x0 + 3
        return s.y0 >= anchor.y1 - 3 if forward else s.y1 <= anchor.y0 + 3

    def test(s: Seen) -> Truth:
        dx, dy = s.cx - anchor.cx, s.cy - anchor.cy
        ahead, aside = (dx, abs(dy)) if sideways else (dy, abs(dx))
        if not forward:
            ahead = -ahead
        if ahead <= 0:
            return NO if ahead < -3 or aside > 3 else MAYBE
        if aside < 0.9 * ahead and clear(s):
            return YES
        return MAYBE if aside < 3.0 * ahead else NO

    return test


def gap_px(a: Seen, b: Seen) -> float:
    """Distance between two bounding boxes."""
    dx = max(a.x0 - b.x1, b.x0 - a.x1, 0)
    dy = max(a.y0 - b.y1, b.y0 - a.y1, 0)
    return float(np.hypot(dx, dy))


def next_to(sp: Speaker, anchor: Seen) -> Test:
    """Close by, measured against the picture and the two sizes."""
    reach = 0.05 * max(sp.cols, sp.rows)

    def test(s: Seen) -> Truth:
        gap = gap_px(s, anchor)
        size = 0.5 * min(
            max(s.x1 - s.x0, s.y1 - s.y0), max(anchor.x1 - anchor.x0, anchor.y1 - anchor.y0)
        )
        near = min(reach, 2 + size)
        return YES if gap <= near else MAYBE if gap < 2.6 * near + 6 else NO

    return test


def next_to_line(sp: Speaker, line: Seen) -> Test | None:
    """Close to a long thing's edge."""
    return sp.view.once(("next to line", line.id), lambda: _next_to_line(sp, line))


def _next_to_line(sp: Speaker, line: Seen) -> Test | None:
    entity = line.entity
    if entity.axis is None:
        return None

    axis = along(entity.axis, max(sp.view.resolution_m * 4, 0.5))[:, :2] / sp.view.resolution_m
    half = 0.5 * entity.width_m / sp.view.resolution_m
    reach = 0.05 * max(sp.cols, sp.rows)

    def test(s: Seen) -> Truth:
        near = float(np.hypot(axis[:, 0] - s.cx, axis[:, 1] - s.cy).min()) - half
        size = 0.5 * min(s.x1 - s.x0, s.y1 - s.y0)
        gap = near - size
        if gap < -size:
            return NO
        return YES if gap < reach else MAYBE if gap < 1.8 * reach + 2 else NO

    return remembering(test)


def distances_to_line(axis: Points, points: Points) -> NDArray[np.float64]:
    """Distance of each point to an open line, in the line's own units."""
    a, d = axis[:-1], np.diff(axis, axis=0)
    x, y = points[:, :1], points[:, 1:]
    t = ((x - a[:, 0]) * d[:, 0] + (y - a[:, 1]) * d[:, 1]) / np.maximum((d**2).sum(1), 1e-9)
    t = np.clip(t, 0, 1)
    return np.asarray(np.hypot(a[:, 0] + t * d[:, 0] - x, a[:, 1] + t * d[:, 1] - y).min(axis=1))


def onto_line(axis: NDArray[np.float64], x: float, y: float) -> tuple[float, float]:
    """Station along a densely sampled line (rows of x, y, angle), and distance to its right."""
    dx, dy = x - axis[:, 0], y - axis[:, 1]
    i = int(np.argmin(dx**2 + dy**2))
    spacing = float(np.hypot(*(axis[1, :2] - axis[0, :2])))
    c, s = np.cos(axis[i, 2]), np.sin(axis[i, 2])
    return i * spacing + float(dx[i] * c + dy[i] * s), float(dy[i] * c - dx[i] * s)


def along_line(sp: Speaker, line: Seen) -> Test | None:
    """Beside a long thing; what stands on it may or may not be meant."""
    return sp.view.once(("along line", line.id), lambda: _along_line(sp, line))


def _along_line(sp: Speaker, line: Seen) -> Test | None:
    beside = next_to_line(sp, line)
    axis, half = line.entity.axis, 0.5 * line.entity.width_m + 0.5
    if beside is None or axis is None:
        return None
    things = list(sp.view.seen.values())
    centres = np.array([(s.cx, s.cy) for s in things]) * sp.view.resolution_m
    far = dict(zip(things, distances_to_line(axis, centres).tolist(), strict=True))
    return lambda s: MAYBE if far[s] < half else beside(s)


def _stations(sp: Speaker, line: Seen) -> Callable[[Seen], tuple[float, float, float]] | None:
    """Of each thing: station along a line, distance to its right, half its own width; pixels."""
    if line.entity.axis is None or len(line.entity.axis) < 2:
        return None
    res = sp.view.resolution_m
    axis = along(line.entity.axis, max(4 * res, 0.5))
    if len(axis) < 2:
        return None
    axis = axis / (res, res, 1.0)
    known: dict[Seen, tuple[float, float, float]] = {}

    def placed(s: Seen) -> tuple[float, float, float]:
        if s not in known:
            station, off = onto_line(axis, s.cx, s.cy)
            known[s] = station, off, 0.5 * min(s.x1 - s.x0, s.y1 - s.y0)
        return known[s]

    return placed


def across_line(sp: Speaker, line: Seen, anchor: Seen) -> Test | None:
    """Opposite an anchor that stands beside a long thing, on its other side.

    None if the anchor does not clearly stand beside it.
    """
    placed = sp.view.once(("stations", line.id), lambda: _stations(sp, line))
    if placed is None:
        return None
    half = 0.5 * line.entity.width_m / sp.view.resolution_m
    reach = 0.12 * max(sp.cols, sp.rows)
    slack = 0.04 * max(sp.cols, sp.rows)
    at, off, size = placed(anchor)
    if not half + 2 < abs(off) < half + size + reach:
        return None
    side = 1.0 if off > 0 else -1.0

    def test(s: Seen) -> Truth:
        station, other, own = placed(s)
        away, aside = -side * other - half, abs(station - at)
        if away < -2 * half - 2 or away > own + 2 * reach or aside > 1.3 * (size + own) + slack:
            return NO
        if 2 < away < own + reach and aside < 0.6 * (size + own):
            return YES
        return MAYBE

    return test


_SECTORS = 8


def surrounded_by(sp: Speaker, cover: NDArray[np.bool_]) -> Test:
    """Has a kind of cover on every side, close by; cover is H,W.

    Surely not if a quarter of its surroundings is open; in doubt at the picture's edge.
    """

    def test(s: Seen) -> Truth:
        reach = int(min(max(0.35 * max(s.x1 - s.x0, s.y1 - s.y0), 4), 0.08 * sp.cols))
        x0, y0 = max(s.x0 - reach, 0), max(s.y0 - reach, 0)
        x1, y1 = min(s.x1 + reach, sp.cols), min(s.y1 + reach, sp.rows)
        window = np.s_[y0:y1, x0:x1]
        own = (sp.view.ids[window] == s.id).astype(np.uint8)
        if np.count_nonzero(own) in (0, own.size):
            return MAYBE
        if not cover[window].any():
            return NO
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
        around = cv2.dilate(own, disc) > own
        hits = around & cover[window]
        covered = np.count_nonzero(hits) / np.count_nonzero(around)
        if covered < 0.4:
            return NO
        count, hit = (_by_sector(m, s, x0, y0) for m in (around, hits))
        share = hit / np.maximum(count, 1)
        if ((share < 0.2) & (count > 0)).sum() >= 2:
            return NO
        whole = not s.cut and s.x0 >= reach <= s.y0 and s.x1 + reach <= sp.cols
        whole = whole and s.y1 + reach <= sp.rows
        return YES if whole and share.min() > 0.35 and covered > 0.65 else MAYBE

    return test


def _by_sector(mask: NDArray[np.bool_], s: Seen, x0: int, y0: int) -> NDArray[np.int64]:
    """How many pixels of a mask lie in each sector around a thing; x0, y0 is the mask's corner."""
    ys, xs = np.nonzero(mask)
    turn = np.arctan2(ys + y0 + 0.5 - s.cy, xs + x0 + 0.5 - s.cx)
    sector = np.minimum(((turn / np.pi + 1) * _SECTORS / 2).astype(int), _SECTORS - 1)
    return np.bincount(sector, minlength=_SECTORS)
