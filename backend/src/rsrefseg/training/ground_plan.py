"""`python -m rsrefseg.training.ground_plan OUT`: teach the network that tells ground plans.

It learns from the outlines that the bundled model draws of generated buildings, mistakes included,
and from what those buildings are; and from drawn ground plans, whose wings are longer and shorter
than those of the scenes. OUT keeps in its header what it was made from and how well it tells the
buildings of scenes that it did not learn from.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from rsrefseg.geo.parts import boxes_of, find_parts
from rsrefseg.models.ground_plan import CROP_PX, PLANS, GroundPlanNet, outline_crops
from rsrefseg.predict.choosing import IN
from rsrefseg.predict.segmenter import Segmenter
from rsrefseg.scenes.scene import draw_world, generate
from rsrefseg.scenes.view import Seen, View

_SCENE_PX = 256
# Of scenes where all buildings are plain, or none is but L-shaped, so many are looked at.
_SHARE_OF_PLAIN, _SHARE_OF_L_SHAPED = 0.02, 0.06
# With less of an outline, or of a building, than this it is in doubt what the outline shows.
_CLEAR_OUTLINE, _CLEAR_BUILDING = 0.5, 0.4
_DOUBTFUL = -1
_SEEDS_A_JOB = 250
_BATCH = 128
# Outlines that were seen, for one that is drawn.
_SEEN_FOR_A_DRAWN = 4
# One seed of so many is kept for validation.
_SPLIT = 10

Examples = dict[str, NDArray[Any]]
"""`crops` N x CROP_PX x CROP_PX uint8, `plans` N int64 and `seeds` N int64."""


def examples(weights: Path, seeds: Iterable[int]) -> Examples:
    """Outlines of buildings as a model draws them, and the buildings' ground plans."""
    model = Segmenter.from_file(weights, device="cpu", precision="fp32")
    crops = [torch.zeros(0, 1, CROP_PX, CROP_PX)]
    plans: list[int] = []
    of_seed: list[int] = []
    for seed in seeds:
        if not _is_worth_it(seed):
            continue
        scene = generate(seed, _SCENE_PX, phrases=1)
        buildings = {s.id: s for s in scene.view.members("building") if s.distinct}
        [answer] = model.ask(model.encode(scene.image), ["all buildings"])
        parts, label = find_parts(answer.probability > IN)
        told = [_plan(scene.view, buildings, label == i) for i in range(len(parts.area))]
        crops.append(outline_crops(answer.probability, label, boxes_of(parts)))
        plans += told
        of_seed += [seed] * len(told)
    every = torch.cat(crops)[:, 0].mul(255).round().to(torch.uint8).numpy()
    found = {
        "crops": every,
        "plans": np.array(plans, np.int64),
        "seeds": np.array(of_seed, np.int64),
    }
    sure = found["plans"] != _DOUBTFUL
    return {name: values[sure] for name, values in found.items()}


def drawn(count: int, seed: int = 0) -> Examples:
    """Ground plans as they would be seen, of all kinds alike, sharp and blurred."""
    rng = np.random.default_rng(seed)
    plans = np.arange(count) % len(PLANS)
    crops = np.stack([_drawn_crop(rng, PLANS[plan]) for plan in plans])
    return {"crops": crops, "plans": plans, "seeds": np.zeros(count, np.int64)}


def fit(found: Examples, epochs: int, seed: int = 0) -> tuple[GroundPlanNet, dict[str, float]]:
    """A network that tells the ground plans of some examples.

    Args:
        found: what `examples` gives.
        epochs: how often each example is seen.
        seed: of the weights at the beginning and of the order.

    Returns:
        The network, and its average precision on the scenes kept aside, by ground plan.
    """
    torch.manual_seed(seed)
    crops = torch.from_numpy(found["crops"])[:, None].float() / 255
    plans = torch.from_numpy(found["plans"])
    aside = torch.from_numpy(found["seeds"] % _SPLIT == _SPLIT - 1)
    learnt = torch.nonzero(~aside)[:, 0]
    counts = torch.bincount(plans[learnt], minlength=len(PLANS)).clamp(min=1)
    weight = (counts.max() / counts).sqrt()
    net = GroundPlanNet()
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    rounds = math.ceil(len(learnt) / _BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, epochs * rounds)
    for epoch in range(epochs):
        net.train()
        total = 0.0
        for some in torch.split(learnt[torch.randperm(len(learnt))], _BATCH):
            loss = functional.cross_entropy(net(_turned(crops[some])), plans[some], weight)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            rate.step()
            total += loss.item()
        print(f"epoch {epoch + 1} of {epochs}: loss {total / rounds:.3f}", flush=True)
    net.eval()
    likely = torch.from_numpy(net.plans(crops[aside]))
    return net, {
        name: round(_average_precision(likely[:, i], plans[aside] == i), 3)
        for i, name in enumerate(PLANS)
    }


def _is_worth_it(seed: int) -> bool:
    """Whether a scene has a building that few have, found before it is rendered."""
    world, resolution_m = draw_world(np.random.default_rng(seed), (_SCENE_PX, _SCENE_PX))
    side_m = _SCENE_PX * resolution_m
    plans = {
        e.shape
        for e in world.entities
        if e.shape in PLANS and e.outline.min() >= 0 and e.outline.max() <= side_m
    }
    if plans - {"l-shaped"}:
        return True
    share = _SHARE_OF_L_SHAPED if plans else _SHARE_OF_PLAIN
    return bool(np.random.default_rng((seed, 1)).random() < share)


def _plan(view: View, buildings: dict[int, Seen], outline: NDArray[np.bool_]) -> int:
    """The number of the ground plan that an outline shows, or `_DOUBTFUL`."""
    ids, pixels = np.unique(view.ids[outline], return_counts=True)
    building = buildings.get(int(ids[pixels.argmax()]))
    if building is None or building.entity.shape not in PLANS:
        return PLANS.index("other")
    clear = (
        not building.cut
        and pixels.max() >= _CLEAR_OUTLINE * outline.sum()
        and pixels.max() >= _CLEAR_BUILDING * building.pixels
    )
    return PLANS.index(building.entity.shape) if clear else _DOUBTFUL


def _drawn_crop(rng: np.random.Generator, plan: str) -> NDArray[np.uint8]:
    """A wing as long as 1 with arms to one side of it, in the middle of a crop."""
    wide, arm_wide, arm = (
        rng.uniform(0.2, 1 if plan == "other" else 0.5),
        *rng.uniform(0.15, 0.4, 2),
    )
    reach = rng.uniform(0.2, 1.1)
    middle = 0.5 - arm_wide / 2 + rng.uniform(-0.12, 0.12)
    starts = {"l-shaped": [0], "u-shaped": [0, 1 - arm], "t-shaped": [middle]}.get(plan, [])
    boxes = [(0.0, 0.0, 1.0, wide)]
    boxes += [(x, wide, x + w, wide + reach) for x, w in zip(starts, (arm_wide, arm), strict=False)]
    high = max(box[3] for box in boxes)
    side = 1.5 * max(1.0, high)
    at = (np.arange(CROP_PX * 4) + 0.5) / (CROP_PX * 4) * side
    x, y = at[None] - (side - 1) / 2, at[:, None] - (side - high) / 2
    inside = np.zeros((len(at), len(at)), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        inside |= (x >= x0) & (x < x1) & (y >= y0) & (y < y1)
    low, top = rng.uniform(0, 0.1), rng.uniform(0.8, 1)
    soft = torch.from_numpy(np.where(inside, top, low)).float()[None, None]
    for _ in range(int(rng.integers(0, 4))):
        soft = functional.avg_pool2d(soft, 9, 1, 4, count_include_pad=False)
    crop: NDArray[np.uint8] = functional.avg_pool2d(soft, 4)[0, 0].mul(255).byte().numpy()
    return crop


def _turned(crops: Tensor) -> Tensor:
    """Outlines turned by any angle, a little larger or smaller, aside and mirrored."""
    count = len(crops)
    angle = torch.rand(count) * 2 * math.pi
    scale = torch.exp(torch.rand(count) * 0.4 - 0.2)
    mirror = torch.where(torch.rand(count) < 0.5, 1.0, -1.0)
    c, s = angle.cos() * scale, angle.sin() * scale
    aside = torch.rand(count, 2) * 0.1 - 0.05
    rows = ((c * mirror, -s, aside[:, 0]), (s * mirror, c, aside[:, 1]))
    theta = torch.stack([torch.stack(row, 1) for row in rows], 1)
    grid = functional.affine_grid(theta, list(crops.shape), align_corners=False)
    return functional.grid_sample(crops, grid, align_corners=False)


def _average_precision(score: Tensor, true: Tensor) -> float:
    hit = true[score.argsort(descending=True)].float()
    precision = hit.cumsum(0) / torch.arange(1, len(hit) + 1)
    return float((precision * hit).sum() / hit.sum().clamp(min=1))


def _gather(weights: Path, first: int, count: int, processes: int) -> Examples:
    starts = range(first, first + count, _SEEDS_A_JOB)
    jobs = [range(at, min(at + _SEEDS_A_JOB, first + count)) for at in starts]
    with ProcessPoolExecutor(processes, get_context("spawn"), _alone) as pool:
        parts = []
        for part in pool.map(examples, [weights] * len(jobs), jobs):
            parts.append(part)
            print(f"{len(parts)} of {len(jobs)} parts of the scenes", flush=True)
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _alone() -> None:
    torch.set_num_threads(1)


def main() -> int:
    """Run it from the command line."""
    parser = argparse.ArgumentParser(prog="python -m rsrefseg.training.ground_plan")
    parser.add_argument("out", type=Path, help="the .safetensors file to write")
    parser.add_argument("--weights", type=Path, required=True, help="the model that draws")
    parser.add_argument("--examples", type=Path, help="a .npz: used if there, else written")
    parser.add_argument("--seed", type=int, default=320_000, help="the first scene's")
    parser.add_argument("--scenes", type=int, default=12_000)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    if args.examples and args.examples.exists():
        found = dict(np.load(args.examples))
    else:
        found = _gather(args.weights, args.seed, args.scenes, args.processes)
        if args.examples:
            np.savez_compressed(args.examples, allow_pickle=False, **found)
    counts = np.bincount(found["plans"], minlength=len(PLANS)).tolist()
    outlines = dict(zip(PLANS, counts, strict=True))
    print("outlines:", outlines, flush=True)
    more = drawn(len(found["plans"]) // _SEEN_FOR_A_DRAWN)
    learnt = {name: np.concatenate([found[name], more[name]]) for name in found}
    net, precision = fit(learnt, args.epochs)
    said = {
        "first_seed": args.seed,
        "scenes": args.scenes,
        "epochs": args.epochs,
        "outlines": outlines,
        "drawn": len(more["plans"]),
        "average_precision": precision,
    }
    state = net.state_dict().items()
    halves = {name: value.half() if value.is_floating_point() else value for name, value in state}
    save_file(halves, args.out, {"ground_plan": json.dumps(said)})
    print(json.dumps(said))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
