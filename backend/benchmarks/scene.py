"""Whole scenes: how time and memory grow, how much of it is outside the model, and what Dask costs.

A generated RGB scene and one of a quarter of its side are segmented, each in a process of its own
so that peak memory is its own. One of half the side is segmented by one process and by two of Dask
on the same cores. A mask as large as the large scene is traced by this project's tracer and by
rasterio.features.shapes. Loading the model and starting processes are not counted.

    python backend/benchmarks/scene.py --out build/bench/scene.json [--side 10000]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from _machine import machine
from numpy.typing import NDArray

PHRASES = ("all buildings", "the roads")
LAYOUT, SEED, RESOLUTION_M = "suburb", 1, 0.5
TARGETS = {
    "time_16x_pixels": 17.2,
    "peak_memory_large_over_small": 1.15,
    "outside_model_share": 0.15,
    "dask_over_single": 1.15,
    "polygonise_over_shapes": 1.0,
}
ROOT = Path(__file__).resolve().parents[2]


def make_scene(path: Path, picture: NDArray[np.uint8], times: int) -> None:
    """A picture again and again, beside its mirror image: no size of scene has more in it.

    Args:
        path: of the GeoTIFF.
        picture: H x W x 3.
        times: how often along each side.
    """
    import rasterio
    from affine import Affine
    from rasterio.windows import Window

    height, width = picture.shape[:2]
    profile = {"driver": "GTiff", "width": width * times, "height": height * times, "count": 3}
    place = Affine(RESOLUTION_M, 0, 350_000, 0, -RESOLUTION_M, 3_000_000)
    with rasterio.open(
        path, "w", **profile, dtype="uint8", crs="EPSG:32645", transform=place,
        tiled=True, blockxsize=256, blockysize=256,
    ) as dataset:  # fmt: skip
        for row in range(times):
            for col in range(times):
                part = picture[:: (-1) ** row, :: (-1) ** col].transpose(2, 0, 1)
                part = np.ascontiguousarray(part)
                dataset.write(part, window=Window(col * width, row * height, width, height))


def run_one(
    raster: Path, output: Path, weights: str | None, precision: str, dask: int
) -> dict[str, Any]:
    """Segment a scene from this process; start-up is not counted.

    Args:
        raster: the scene.
        output: where its polygons go.
        weights: a weights file; the bundled one when None.
        precision: auto, or what another run found best.
        dask: in so many processes; 0: in this one.
    """
    from rsrefseg.batch.job import Job, run_job
    from rsrefseg.predict.scene import SegmentRequest
    from rsrefseg.weights.files import bundled_weights

    path = weights or str(bundled_weights())
    request = SegmentRequest(PHRASES, ground_resolution_m=RESOLUTION_M)
    job = Job((str(raster),), request, output, overwrite=True)
    figures: dict[str, Any] = {"processes": dask or 1}
    if dask:
        from rsrefseg.batch.cluster import connected, run_job_on
        from rsrefseg.batch.worker import WeightsSource

        with connected(None, dask) as client:
            report = run_job_on(client, job, WeightsSource(path, precision=precision))
    else:
        from rsrefseg.predict.segmenter import Segmenter

        segmenter = Segmenter.from_file(path, precision=precision)
        report = run_job(job, segmenter)
        spent = report.timings
        model_s = spent.encode_s + spent.ask_s
        figures |= {
            "model_s": model_s,
            "read_wait_s": spent.read_s,
            "outside_model_share": 1 - model_s / spent.total_s,
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "device": segmenter.device.name,
            "precision": segmenter.device.precision,
        }
    return figures | {
        "windows": report.windows,
        "total_s": report.timings.total_s,
        "polygons_s": report.timings.polygons_s,
        "polygons": sum(total.polygons for total in report.phrases.values()),
    }


def in_own_process(
    raster: Path, weights: str | None, precision: str = "auto", dask: int = 0
) -> dict[str, Any]:
    """`run_one` in a fresh process."""
    command = [sys.executable, __file__, "--one", str(raster), "--precision", precision]
    command += ["--out", str(raster.with_suffix(".gpkg")), "--dask", str(dask)]
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


def measure(side: int, weights: str | None) -> dict[str, dict[str, Any]]:
    """All figures by the name of the run."""
    from rsrefseg.scenes.scene import generate

    figures: dict[str, dict[str, Any]] = {}
    precision = "auto"
    picture = generate(SEED, side // 4, RESOLUTION_M, layout=LAYOUT).image
    with tempfile.TemporaryDirectory() as folder:
        # What an earlier run found best, perhaps on a busy machine, does not count.
        os.environ["RSREFSEG_CACHE_DIR"] = str(Path(folder) / "cache")
        for name, times, dask in (
            ("small", 1, 0),
            ("single", 2, 0),
            ("dask", 2, 2),
            ("large", 4, 0),
            ("small again", 1, 0),
        ):
            raster = Path(folder) / f"{times}.tif"
            if not raster.exists():
                make_scene(raster, picture, times)
            run = in_own_process(raster, weights, precision, dask)
            figures[name] = {"side_px": side // 4 * times} | run
            precision = figures["small"]["precision"]
            print(f"{name}: {json.dumps(figures[name])}", flush=True)
    figures["tracing"] = compare_tracing(side)
    return figures


def find_ratios(figures: dict[str, dict[str, Any]]) -> dict[str, float]:
    """What is aimed at, see `TARGETS`."""
    small, large, tracing = figures["small"], figures["large"], figures["tracing"]
    # Before the large one and after it: a machine's speed drifts within the minutes between.
    small_s = (small["total_s"] + figures["small again"]["total_s"]) / 2
    return {
        "time_16x_pixels": large["total_s"] / small_s,
        "peak_memory_large_over_small": large["peak_mb"] / small["peak_mb"],
        "outside_model_share": large["outside_model_share"],
        "dask_over_single": figures["dask"]["total_s"] / figures["single"]["total_s"],
        "polygonise_over_shapes": tracing["tracer_s"] / tracing["shapes_s"],
    }


def tables(figures: dict[str, dict[str, Any]], ratios: dict[str, float]) -> str:
    """Everything as Markdown."""
    lines = [
        "| Scene | Processes | Windows | Seconds | in the model | polygons | Peak MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in ("small", "small again", "single", "dask", "large"):
        run = figures[name]
        model, peak = run.get("model_s"), run.get("peak_mb")
        lines.append(
            f"| {run['side_px']:,} px | {run['processes']} | {run['windows']} "
            f"| {run['total_s']:.1f} | {'' if model is None else f'{model:.1f}'} "
            f"| {run['polygons_s']:.1f} | {'' if peak is None else f'{peak:.0f}'} |"
        )
    lines += ["", "| Ratio | Measured | At most |", "| --- | --- | --- |"]
    lines += [f"| `{name}` | {value:.3f} | {TARGETS[name]:.2f} |" for name, value in ratios.items()]
    return "\n".join(lines)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench" / "scene.json")
    parser.add_argument("--side", type=int, default=10_000)
    parser.add_argument("--weights")
    parser.add_argument("--precision", default="auto", help=argparse.SUPPRESS)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--dask", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        found = run_one(options.one, options.out, options.weights, options.precision, options.dask)
        print(json.dumps(found))
        return
    about = machine()
    figures = measure(options.side, options.weights)
    ratios = find_ratios(figures)
    report = {"machine": about, "side_px": options.side, "figures": figures, "ratios": ratios}
    report |= {"targets": TARGETS, "markdown": tables(figures, ratios)}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"\n{report['markdown']}")


if __name__ == "__main__":
    main()
