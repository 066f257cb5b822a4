"""How fast scenes are made, on one core, and what share of that each stage takes.

python backend/benchmarks/scenes.py [--count N]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
from _machine import machine
from rsrefseg.scenes.layouts import make_world
from rsrefseg.scenes.phrases import speak
from rsrefseg.scenes.render import render
from rsrefseg.scenes.scene import draw_resolution, generate
from rsrefseg.scenes.view import look

OUT = Path(__file__).resolve().parents[2] / "build" / "bench" / "scenes.json"
_STAGES = ("world", "render", "measure", "phrases")


def main() -> None:
    """Time whole scenes, then their stages, in processor time of this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--phrases", type=int, default=16)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    ran_on = machine()
    cv2.setNumThreads(1)
    generate(0, args.size)
    start = time.process_time()
    for seed in range(args.count):
        generate(seed, args.size, phrases=args.phrases)
    took = time.process_time() - start
    print(f"{args.count / took:.1f} scenes/s per core ({args.size} px, {args.phrases} phrases)")
    spent = np.zeros(len(_STAGES))
    for seed in range(args.count):
        spent += _stages(seed, args.size, args.phrases)
    for name, seconds in zip(_STAGES, spent / args.count, strict=True):
        print(f"  {name:8} {1e3 * seconds:6.1f} ms")
    figures = {
        "scenes_per_s_per_core": round(args.count / took, 2),
        **{f"{n}_ms": round(1e3 * s, 2) for n, s in zip(_STAGES, spent / args.count, strict=True)},
    }
    shares = {f"{n}_share": round(s / spent.sum(), 3) for n, s in zip(_STAGES, spent, strict=True)}
    report = {"part": "scenes", "machine": ran_on, "figures": figures, "ratios": shares}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _stages(seed: int, size_px: int, phrases: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    res = draw_resolution(rng)
    marks = [time.process_time()]
    world = make_world(rng, size_px * res, size_px * res)
    marks.append(time.process_time())
    picture = render(world, rng, (size_px, size_px), res)
    marks.append(time.process_time())
    view = look(world, picture, res)
    marks.append(time.process_time())
    speak(view, rng, phrases)
    marks.append(time.process_time())
    return np.diff(marks)


if __name__ == "__main__":
    main()
