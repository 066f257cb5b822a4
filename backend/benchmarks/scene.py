"""Whole scenes: how time and memory grow, and how much of it is outside the model.

A generated RGB scene and one of a quarter of its side are segmented, each in a process of its own
so that peak memory is its own; the mask of the large one is traced by this project's tracer and by
rasterio.features.shapes.

    python backend/benchmarks/scene.py --out build/bench/scene.json [--side 10000]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

PHRASES = ("all buildings", "the roads")
ROOT = Path(__file__).resolve().parents[2]


def make_scene(path: Path, side: int) -> None:
    """A scene of blocks and lines in colour, written in strips so that it takes no memory."""
    import rasterio
    from affine import Affine
    from rasterio.windows import Window

    rng = np.random.default_rng(0)
    strip = 500
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 3, "dtype": "uint8"}
    with rasterio.open(
        path, "w", **profile, crs="EPSG:32645", transform=Affine(0.5, 0, 350_000, 0, -0.5, 3e6),
        tiled=True, blockxsize=256, blockysize=256,
    ) as dataset:  # fmt: skip
        for top in range(0, side, strip):
            rows = min(strip, side - top)
            blocks = rng.integers(40, 220, (3, -(-rows // 25), -(-side // 25)), dtype=np.uint8)
            pixels = np.kron(blocks, np.ones((1, 25, 25), np.uint8))[:, :rows, :side]
            pixels = pixels + rng.integers(0, 30, pixels.shape, dtype=np.uint8)
            dataset.write(pixels, window=Window(0, top, side, rows))


def run_one(raster: Path, output: Path, weights: str | None) -> dict[str, Any]:
    """Segment a scene in this process; start-up is not counted."""
    from rsrefseg.batch.job import Job, run_job
    from rsrefseg.predict.scene import SegmentRequest
    from rsrefseg.predict.segmenter import Segmenter
    from rsrefseg.weights.files import bundled_weights

    segmenter = Segmenter.from_file(weights or bundled_weights())
    request = SegmentRequest(PHRASES, ground_resolution_m=0.5)
    report = run_job(Job((str(raster),), request, output, overwrite=True), segmenter)
    spent = report.timings
    model_s = spent.encode_s + spent.ask_s
    return {
        "windows": report.windows,
        "total_s": spent.total_s,
        "model_s": model_s,
        "read_wait_s": spent.read_s,
        "polygons_s": spent.polygons_s,
        "outside_model_share": 1 - model_s / spent.total_s,
        "polygons": sum(total.polygons for total in report.phrases.values()),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "device": segmenter.device.name,
        "precision": segmenter.device.precision,
    }


def in_own_process(raster: Path, output: Path, weights: str | None) -> dict[str, Any]:
    """`run_one` in a fresh process."""
    command = [sys.executable, __file__, "--one", str(raster), "--out", str(output)]
    if weights:
        command += ["--weights", weights]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def compare_tracing(side: int) -> dict[str, float]:
    """Seconds to trace one mask: strip by strip into polygons, and by GDAL as a whole."""
    import rasterio.features
    from affine import Affine
    from rsrefseg.geo.tracer import STRIP_PX, StripTracer

    rng = np.random.default_rng(1)
    coarse = rng.random((side // 10 + 1, side // 10 + 1)) < 0.4
    mask = np.kron(coarse, np.ones((10, 10), np.bool_))[:side, :side]
    transform = Affine(0.5, 0, 350_000, 0, -0.5, 3e6)
    levels = mask.astype(np.uint8)

    start = time.perf_counter()
    tracer = StripTracer(side, transform)
    rows, ours = max(1, STRIP_PX // side), 0
    for top in range(0, side, rows):
        ours += len(tracer.feed(mask[top : top + rows], levels[top : top + rows]).polygons)
    ours += len(tracer.finish().polygons)
    traced_s = time.perf_counter() - start

    start = time.perf_counter()
    shapes = rasterio.features.shapes(levels, mask=mask, connectivity=4, transform=transform)
    theirs = sum(1 for _ in shapes)
    shapes_s = time.perf_counter() - start
    if ours != theirs:
        raise SystemExit(f"The tracers disagree: {ours} polygons and {theirs}.")
    return {"polygons": ours, "tracer_s": traced_s, "shapes_s": shapes_s}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench" / "scene.json")
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--weights")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run_one(options.one, options.out, options.weights)))
        return
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, side in (("small", options.side // 4), ("large", options.side)):
            raster = Path(folder) / f"{name}.tif"
            make_scene(raster, side)
            figures[name] = in_own_process(raster, raster.with_suffix(".gpkg"), options.weights)
            print(f"{name}: {side} px, {json.dumps(figures[name])}", flush=True)
    figures["tracing"] = compare_tracing(options.side)
    small, large, tracing = figures["small"], figures["large"], figures["tracing"]
    ratios = {
        "time_16x_pixels": large["total_s"] / small["total_s"],
        "peak_memory_large_over_small": large["peak_mb"] / small["peak_mb"],
        "outside_model_share": large["outside_model_share"],
        "polygonise_over_shapes": tracing["tracer_s"] / tracing["shapes_s"],
    }
    machine = {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    machine["load_average_1min"] = os.getloadavg()[0]
    report = {"machine": machine, "side_px": options.side, "figures": figures, "ratios": ratios}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for name, value in ratios.items():
        print(f"{name:32} {value:8.3f}")


if __name__ == "__main__":
    main()
