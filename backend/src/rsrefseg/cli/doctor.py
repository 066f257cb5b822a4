"""`rsrefseg doctor`: versions, device, weights, and what is wrong."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

PACKAGES = (
    "torch", "torchvision", "open_clip_torch", "timm", "segment-anything", "sam2", "numpy",
    "openvino", "rasterio", "shapely", "pyogrio", "pyproj", "fastapi", "uvicorn",
)  # fmt: skip
OPTIONAL = frozenset({"torchvision", "sam2", "openvino"})
# For trying out which runtime asks single phrases faster.
SETTLED_WITHIN_S = 60.0


@dataclass
class Report:
    """What the doctor found.

    Attributes:
        facts: sections of names and values.
        problems: sentences about what is wrong.
    """

    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def doctor(
    weights: Annotated[
        Path | None, typer.Option(help="Weights file; default: the bundled model.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say versions, device and weights, and what is wrong; exit 1 when something is."""
    report = examine(weights, device)
    if as_json:
        typer.echo(json.dumps({**report.facts, "problems": report.problems}, indent=2))
    else:
        _print(report)
    if report.problems:
        raise typer.Exit(1)


def examine(weights: Path | None, device: str) -> Report:
    """Look at everything that has to work."""
    report = Report()
    report.facts["versions"] = _versions(report)
    report.facts["system"] = {
        "python": platform.python_version(),
        "executable": sys.executable,
        "platform": platform.platform(),
    }
    if not report.problems:
        _try_model(report, weights, device)
    return report


def _versions(report: Report) -> dict[str, Any]:
    from rsrefseg import __version__

    versions: dict[str, Any] = {"rsrefseg": __version__}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
            if name not in OPTIONAL:
                report.problems.append(
                    f"The package {name} is not installed: install the engine again."
                )
    return versions


def _try_model(report: Report, weights: Path | None, device: str) -> None:
    """Load the model and ask it something, as a user would."""
    from rsrefseg.errors import RsRefSegError

    try:
        from rsrefseg.geo.raster import gdal_version
        from rsrefseg.predict.segmenter import Segmenter
        from rsrefseg.weights.files import bundled_weights
    except (ImportError, OSError, RuntimeError) as error:
        report.problems.append(
            f"The engine's packages do not work together ({error}): install the engine again."
        )
        return
    report.facts["versions"]["gdal"] = gdal_version()
    try:
        path = weights or bundled_weights()
        segmenter = Segmenter.from_file(path, device=device)
        _self_test(report, segmenter)
    except RsRefSegError as error:
        report.problems.append(str(error))
        return
    report.facts["device"] = asdict(segmenter.device)
    report.facts["weights"] = {"path": str(path), **asdict(segmenter.info)}
    budget = segmenter.cache.budget_bytes
    report.facts["cache"] = {
        "memory": f"up to {budget / 1e6:.0f} MB of encoded images",
        "disk": _disk_cache(),
    }


def _disk_cache() -> str:
    from rsrefseg.predict.diskcache import describe

    found = describe()
    return f"{found.images} images, {found.bytes / 1e6:.1f} MB in {found.folder}"


def _self_test(report: Report, segmenter: Any) -> None:
    import time

    import numpy as np

    side = segmenter.info.tile_px
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    start = time.perf_counter()
    encoded = segmenter.encode(image)
    middle = time.perf_counter()
    (answer,) = segmenter.ask(encoded, ["the buildings"])
    end = time.perf_counter()
    if not np.isfinite(answer.probability).all():
        report.problems.append(
            "The model gives numbers that are not finite here: choose the precision fp32, or "
            "get the weights again."
        )
    report.facts["self_test"] = {
        "encode_s": round(middle - start, 4),
        "ask_s": round(end - middle, 4),
    }
    alone = segmenter.ask_single_phrases_faster()  # as the service does
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while alone is not None and not alone.settled and time.monotonic() < deadline:
        segmenter.ask(encoded, ["the buildings"])
        time.sleep(0.05)


def _print(report: Report) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for title, facts in report.facts.items():
        table = Table(title=title.replace("_", " "), title_justify="left", show_header=False)
        for name, value in facts.items():
            shown = "not installed" if value is None and title == "versions" else str(value)
            table.add_row(name, shown)
        console.print(table)
    if not report.problems:
        console.print("Everything is in order.")
    for problem in report.problems:
        console.print(f"Problem: {problem}", markup=False, highlight=False)
