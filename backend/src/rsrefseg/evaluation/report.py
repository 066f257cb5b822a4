"""A picture report: the best, median and worst case of each kind beside the truth, in one HTML."""

from __future__ import annotations

import base64
import html
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rsrefseg.data.cases import read_mask, read_rgb
from rsrefseg.evaluation.run import Outcome

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1100px;color:#222}
table{border-collapse:collapse;margin:1rem 0}td,th{padding:.25rem .8rem;text-align:right}
th:first-child,td:first-child{text-align:left}tr:nth-child(even){background:#f4f6f8}
figure{display:inline-block;margin:.4rem;width:320px;vertical-align:top}
img{width:100%;border-radius:4px}figcaption{font-size:13px}
.key b{padding:0 .5em}
"""
_COLUMNS = ("n", "gIoU", "cIoU", "Pr@0.5", "N-acc", "answered", "blind_gIoU")


def write_report(path: Path, figures: Mapping[str, Any], outcomes: Sequence[Outcome]) -> None:
    """Writes the report as one self-contained file.

    Args:
        path: the HTML file.
        figures: what `report_figures` gave.
        outcomes: the cases to choose pictures from.
    """
    kinds: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        kinds[outcome.record.kind].append(outcome)
    sections = "".join(_section(kind, kinds[kind]) for kind in sorted(kinds))
    body = (
        "<h1>Referring segmentation report</h1>"
        + _table("all", {"all cases": figures})
        + _table("kind", figures["by_kind"])
        + _table("source", figures["by_source"])
        + '<p class="key">Outlines: <b style="color:#1a9850">truth</b>'
        + '<b style="color:#d6336c">answer</b></p>'
        + sections
    )
    page = f"<!doctype html><meta charset=utf-8><title>Report</title><style>{_STYLE}</style>{body}"
    path.write_text(page, encoding="utf-8")


def _table(name: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    head = "".join(f"<th>{c}</th>" for c in (name, *_COLUMNS))
    lines = (
        f"<tr><td>{html.escape(row)}</td>"
        + "".join(f"<td>{_number(figures.get(c))}</td>" for c in _COLUMNS)
        + "</tr>"
        for row, figures in rows.items()
    )
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _section(kind: str, outcomes: Sequence[Outcome]) -> str:
    ordered = sorted(outcomes, key=lambda o: o.score.iou)
    chosen = {"worst": ordered[0], "median": ordered[len(ordered) // 2], "best": ordered[-1]}
    figures = "".join(_figure(name, o) for name, o in reversed(list(chosen.items())))
    return f"<h2>{html.escape(kind)}</h2>{figures}"


def _figure(name: str, outcome: Outcome) -> str:
    record = outcome.record
    image = read_rgb(record.image)
    scale = max(1, round(640 / max(image.shape[:2])))
    picture = np.kron(image, np.ones((scale, scale, 1), np.uint8))
    for mask, colour in (
        (read_mask(record.mask) > 0, (26, 152, 80)),
        (outcome.predicted, (214, 51, 108)),
    ):
        _outline(picture, mask, scale, colour)
    encoded = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    data = base64.b64encode(np.asarray(encoded).tobytes()).decode()
    presence = "" if outcome.presence is None else f", presence {outcome.presence:.2f}"
    caption = f"{name}: “{html.escape(record.phrase)}”, IoU {outcome.score.iou:.2f}{presence}"
    return (
        f'<figure><img alt="" src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _outline(
    picture: NDArray[np.uint8], mask: NDArray[np.bool_], scale: int, colour: tuple[int, int, int]
) -> None:
    large = np.kron(mask.view(np.uint8), np.ones((scale, scale), np.uint8)).astype(np.uint8)
    contours, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    cv2.drawContours(picture, contours, -1, colour, 2)
