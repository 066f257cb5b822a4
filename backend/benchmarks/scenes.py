"""How fast scenes are made, on one core, and what share of that each stage takes.

python backend/benchmarks/scenes.py [--count N]

All scenes are made several times. What a scene takes at best comes nearest to what the code needs;
whole passes also count what others took of the core. Both are reported.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from _machine import machine
from rsrefseg.data.generated import write_scene
from rsrefseg.scenes.phrases import speak
from rsrefseg.scenes.render import render
from rsrefseg.scenes.scene import draw_world, generate
from rsrefseg.scenes.view import look

OUT = Path(__file__).resolve().parents[2] / "build" / "bench" / "scenes.json"
_STAGES = ("world", "render", "measure", "phrases", "masks", "files")
TARGET = 15.0
"""Scenes a second that a core is to make."""


def main() -> None:
    """Time scenes stage by stage, in processor time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--phrases", type=int, default=16)
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    ran_on = machine()
    cv2.setNumThreads(1)
    generate(0, args.size)
    with TemporaryDirectory() as folder:
        passes = np.array(
            [
                [list(_stages(s, args.size, args.phrases, Path(folder))) for s in range(args.count)]
                for _ in range(args.passes)
            ]
        )
    stages = passes.min(axis=0).mean(axis=0)
    made, written = stages[:-1].sum(), stages.sum()
    each_pass = 1 / passes[..., :-1].sum(axis=2).mean(axis=1)
    figures = {
        "scenes_per_s_per_core": round(1 / made, 2),
        "slowest_pass": round(each_pass.min(), 2),
        "fastest_pass": round(each_pass.max(), 2),
        "written_per_s_per_core": round(1 / written, 2),
        **{f"{n}_ms": round(1e3 * s, 2) for n, s in zip(_STAGES, stages, strict=True)},
    }
    shares = {f"{n}_share": s for n, s in zip(_STAGES, stages / written, strict=True)}
    ratios = {"scenes_over_target": 1 / made / TARGET, **shares}
    for name, value in {**figures, **ratios}.items():
        print(f"{name:22} {value:8.2f}")
    report = {
        "part": "scenes", "machine": ran_on, "figures": figures,
        "target_per_s": TARGET, "count": args.count, "passes": args.passes,
        "size": args.size, "phrases": args.phrases,
        "ratios": {name: round(value, 3) for name, value in ratios.items()},
    }  # fmt: skip
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def _stages(seed: int, size_px: int, phrases: int, folder: Path) -> Iterator[float]:
    """Seconds of each stage of one scene."""
    scene = generate(seed, size_px, phrases=phrases)
    (folder / "images").mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    last = time.process_time()

    def lap() -> float:
        nonlocal last
        before, last = last, time.process_time()
        return last - before

    world, res = draw_world(rng, (size_px, size_px))
    yield lap()
    picture = render(world, rng, (size_px, size_px), res)
    yield lap()
    view = look(world, picture, res)
    yield lap()
    drafts = speak(view, rng, phrases)
    yield lap()
    for ids in {ids for d in drafts for ids in (d.targets, d.blind)}:
        view.mask(ids)
    yield lap()
    write_scene(scene, folder, str(seed))
    yield lap()


if __name__ == "__main__":
    main()
