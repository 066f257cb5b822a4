"""Runs a job on the stand-in model in a process of its own, to be killed at any moment.

Usage: python -m tests.support.job_driver RASTER OUTPUT [--resume] [--slow SECONDS]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from rsrefseg.batch.job import Job, run_job
from rsrefseg.predict.scene import SegmentRequest

from tests.support.stand_in import StandIn


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("raster")
    parser.add_argument("output", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--slow", type=float, default=0.0)
    options = parser.parse_args()
    model = StandIn()
    model.on_encode = lambda: time.sleep(options.slow)
    request = SegmentRequest(("red", "green things"), ground_resolution_m=0.5)
    job = Job((options.raster,), request, options.output, resume=options.resume)
    print("started", flush=True)
    report = run_job(job, model)
    print(report.looked, report.windows, flush=True)


if __name__ == "__main__":
    main()
