"""Runs a job on the stand-in model in a process of its own, to be killed at any moment.

Usage: python -m tests.support.job_driver RASTER OUTPUT [--resume] [--slow SECONDS]
           [--cluster LOADS [--kill-at FRACTION]]
"""

from __future__ import annotations

import argparse
import os
import signal
import time
from pathlib import Path

from rsrefseg.batch.job import Job, JobReport, run_job
from rsrefseg.predict.scene import SegmentRequest

from tests.support.stand_in import StandIn, StandInSource


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("raster")
    parser.add_argument("output", type=Path)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--cluster", metavar="LOADS", help="two processes of Dask")
    parser.add_argument("--kill-at", type=float, help="kill one of them when so much is done")
    options = parser.parse_args()
    request = SegmentRequest(("red", "green things"), ground_resolution_m=0.5)
    job = Job((options.raster,), request, options.output, resume=options.resume)
    print("started", flush=True)
    if options.cluster:
        source = StandInSource(options.cluster, options.slow)
        report = on_a_cluster(job, source, options.kill_at)
    else:
        model = StandIn()
        model.on_encode = lambda: time.sleep(options.slow)
        report = run_job(job, model, lambda _fraction, sentence: print(sentence, flush=True))
    print(report.looked, report.windows, flush=True)


def on_a_cluster(job: Job, source: StandInSource, kill_at: float | None) -> JobReport:
    """The same in two processes, one of which may be killed on the way."""
    from rsrefseg.batch.cluster import connected, run_job_on

    killed: list[int] = []

    def progress(fraction: float, _sentence: str) -> None:
        if kill_at is not None and fraction >= kill_at and not killed:
            killed.append(int(Path(source.loads).read_text().split()[0]))
            os.kill(killed[0], signal.SIGKILL)
            print("killed", killed[0], flush=True)

    with connected(None, workers=2) as client:
        return run_job_on(client, job, source, progress)


if __name__ == "__main__":
    main()
