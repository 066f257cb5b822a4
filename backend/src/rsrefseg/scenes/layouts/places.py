"""Places other than settlements: industry, harbour, airport, car parks, farmland, nature."""

from __future__ import annotations

import numpy as np

from rsrefseg.scenes.geometry import Points, along, blob, ellipse, offset, rectangle, ribbon
from rsrefseg.scenes.layouts.common import (
    Rng,
    building,
    chance,
    dashes,
    edge_line,
    pick_roof,
    road,
    scatter,
    traffic,
    tree,
    vehicle,
)  # fmt: skip
from rsrefseg.scenes.layouts.settlement import (
    GRASS,
    GREENS,
    crossing_line,
    draw_style,
    frontage,
    greenery,
    house,
    main_street,
    new_world,
)  # fmt: skip
from rsrefseg.scenes.materials import jitter
from rsrefseg.scenes.world import Ground, Rgb, World

_HALL_ROOFS = (
    "membrane",
    "grey_metal",
    "blue_metal",
    "bitumen",
    "gravel",
    "red_metal",
    "rusty_tin",
)
_WATER: tuple[Rgb, ...] = ((38, 58, 66), (56, 76, 70), (30, 44, 48), (64, 92, 98), (78, 84, 66))


def _water(rng: Rng) -> Rgb:
    return jitter(rng, _WATER[int(rng.integers(len(_WATER)))], 0.15, 0.05)


def _paved(rng: Rng, w: float, h: float) -> World:
    tone = float(rng.uniform(105, 165))
    return World(w, h, Ground(jitter(rng, (tone, tone * 0.98, tone * 0.94), 0.05), "concrete"))


def car_park(
    world: World, rng: Rng, x: float, y: float, length: float, width: float, angle: float
) -> bool:
    """Rows of bays, some of them taken."""
    outline = rectangle(x, y, length, width, angle)
    if not world.free(outline, 0.02):
        return False
    world.take(outline)
    lot = world.add(
        "parking", outline, jitter(rng, (112, 112, 114), 0.15, 0.02), texture="asphalt",
        length_m=length, width_m=width, angle=angle,
    )  # fmt: skip
    c, s = np.cos(angle), np.sin(angle)
    full = float(rng.uniform(0.15, 0.85))
    v = -width / 2 + 2.8
    while v < width / 2 - 2:
        for u in np.arange(-length / 2 + 1.5, length / 2 - 1.2, 2.6):
            px, py = x + u * c - v * s, y + u * s + v * c
            if not world.in_view(px, py, 4):
                continue
            lx, ly = x + (u - 1.3) * c - v * s, y + (u - 1.3) * s + v * c
            world.paint(
                rectangle(lx, ly, 4.8, 0.15, angle + np.pi / 2), (204, 204, 200), level="road"
            )
            if chance(rng, full):
                turn = np.pi / 2 if chance(rng, 0.5) else -np.pi / 2
                car = vehicle(world, rng, px, py, angle + turn, take=False)
                if car is not None:
                    car.part_of = lot.id
        v += 5.2 if int((v + width / 2) / 5.2) % 2 == 0 else 11.5
    return True


def retail(rng: Rng, width_m: float, height_m: float) -> World:
    """Large flat roofs around car parks, beside a road."""
    world, style = new_world(rng, width_m, height_m), draw_style(rng)
    angle = float(rng.uniform(0, np.pi))
    main_street(world, rng, style, angle, float(rng.uniform(-0.7, 0.7)))
    k = min(width_m, height_m)
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.random(2) * (width_m, height_m)
        car_park(
            world,
            rng,
            x,
            y,
            float(rng.uniform(18, 0.35 * k + 20)),
            float(rng.uniform(11, 36)),
            angle,
        )
    _halls(world, rng, angle, int(rng.integers(2, 7)), 0.28 * k + 8)
    _sports(world, rng, angle)
    for x, y in scatter(world, rng, 14):
        tree(world, rng, x, y, style.green)
    return world


def _halls(world: World, rng: Rng, angle: float, count: int, size_m: float) -> None:
    for _ in range(count * 3):
        x, y = rng.random(2) * (world.width_m, world.height_m)
        length = size_m * float(rng.uniform(0.4, 1.3))
        width = length * float(rng.uniform(0.35, 0.8))
        flat = chance(rng, 0.65)
        turn = angle + (np.pi / 2 if chance(rng, 0.4) else 0.0)
        found = building(
            world, rng, "warehouse", x, y, length, width, turn, roof="flat" if flat else "gable",
            covering=pick_roof(rng, _HALL_ROOFS, flat), eave_m=float(rng.uniform(5, 11)), gap_m=2.5,
        )  # fmt: skip
        count -= found is not None
        if count <= 0:
            break


def _sports(world: World, rng: Rng, angle: float) -> None:
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.random(2) * (world.width_m, world.height_m)
        court(world, rng, x, y, angle)


def court(world: World, rng: Rng, x: float, y: float, angle: float) -> None:
    """A tennis court or another hard court with its lines."""
    if not world.claim(rectangle(x, y, 36, 18, angle)):
        return
    paints: tuple[Rgb, ...] = ((62, 110, 84), (70, 96, 150), (168, 92, 66), (130, 130, 132))
    rgb = jitter(rng, paints[int(rng.integers(4))])
    around = jitter(rng, rgb if chance(rng, 0.4) else paints[int(rng.integers(4))])
    world.add("court", rectangle(x, y, 34, 16, angle), around, length_m=34, width_m=16, angle=angle)
    line: Rgb = (226, 226, 222)
    for length, width in ((24.0, 11.0), (24.0, 8.2), (12.8, 8.2)):
        world.paint(rectangle(x, y, length, width, angle), line, level="ground")
    ident = len(world.entities)
    world.decor = world.decor[:-3]
    world.paint(rectangle(x, y, 24, 11, angle), rgb, level="court", owner=ident)
    for length, width in ((24.0, 11.0), (24.0, 8.2), (12.8, 8.2)):
        box = rectangle(x, y, length, width, angle)
        for k in range(4):
            world.paint(
                ribbon(np.stack([box[k - 1], box[k]]), 0.2), line, level="court", owner=ident
            )


def pitch(world: World, rng: Rng, x: float, y: float, angle: float, length: float) -> None:
    """A football pitch with its lines."""
    width = length * 0.64
    if not world.claim(rectangle(x, y, length + 6, width + 6, angle)):
        return
    e = world.add(
        "pitch", rectangle(x, y, length, width, angle), jitter(rng, (88, 128, 68)), texture="grass",
        length_m=length, width_m=width, angle=angle,
        style={"row_m": 10.0, "row_depth": float(rng.uniform(0, 0.08))},
    )  # fmt: skip
    e.angle = angle + np.pi / 2
    line: Rgb = (220, 224, 214)
    box = rectangle(x, y, length * 0.94, width * 0.92, angle)
    c, s = np.cos(angle), np.sin(angle)
    lines = [np.stack([box[k - 1], box[k]]) for k in range(4)]
    lines.append(np.stack([(box[0] + box[1]) / 2, (box[2] + box[3]) / 2]))
    ring = ellipse(x, y, length * 0.087, length * 0.087, 0)
    lines.append(np.concatenate([ring, ring[:1]]))
    for side in (-1, 1):
        px, py = x + side * 0.4 * length * c, y + side * 0.4 * length * s
        area = rectangle(px, py, length * 0.14, width * 0.55, angle)
        lines += [np.stack([area[k - 1], area[k]]) for k in range(4)]
    for one in lines:
        world.paint(ribbon(one, 0.25), line, level="court", owner=e.id)


def park(rng: Rng, width_m: float, height_m: float) -> World:
    """Sports grounds, paths, a pond and trees."""
    world = World(width_m, height_m, Ground(jitter(rng, GRASS[int(rng.integers(3))]), "grass"))
    style = draw_style(rng)
    angle = float(rng.uniform(0, np.pi))
    if chance(rng, 0.7):
        main_street(world, rng, style, angle, float(rng.uniform(-0.8, 0.8)))
    if chance(rng, 0.5):
        water_body(world, rng, "pond", 0.14)
    for _ in range(int(rng.integers(1, 4))):
        x, y = rng.random(2) * (width_m, height_m)
        pitch(world, rng, x, y, angle, float(rng.uniform(40, 100)))
    _sports(world, rng, angle)
    _sports(world, rng, angle)
    if chance(rng, 0.6):
        x, y = rng.random(2) * (width_m, height_m)
        car_park(world, rng, x, y, 30, 17, angle)
    for _ in range(int(rng.integers(2, 6))):
        x, y = rng.random(2) * (width_m, height_m)
        house(world, rng, style, x, y, style.size_m * 1.4, style.size_m, angle)
    for x, y in scatter(world, rng, float(rng.uniform(7, 16))):
        tree(world, rng, x, y, style.green)
    return world


def water_body(world: World, rng: Rng, cls: str, share: float) -> None:
    """A lake or pond within the view."""
    x, y = (0.15 + 0.7 * rng.random(2)) * (world.width_m, world.height_m)
    outline = blob(rng, x, y, share * min(world.width_m, world.height_m) + 5, 0.18)
    if not world.free(outline, 0.04):
        return
    world.take(outline)
    centre = outline.mean(axis=0)
    world.paint(centre + (outline - centre) * 1.07, (128, 116, 90), texture="dirt", level="shore")
    world.add(cls, outline, _water(rng), texture="water")


def industry(rng: Rng, width_m: float, height_m: float) -> World:
    """Halls, tanks, containers, trucks."""
    world = _paved(rng, width_m, height_m)
    style = draw_style(rng)
    angle = float(rng.uniform(0, np.pi))
    main_street(world, rng, style, angle, float(rng.uniform(-0.8, 0.8)))
    k = min(width_m, height_m)
    if chance(rng, 0.6):
        tank_farm(world, rng, angle, k)
    _halls(world, rng, angle, int(rng.integers(2, 9)), 0.25 * k + 8)
    stacks(world, rng, angle, int(rng.integers(0, 5)))
    for x, y in scatter(world, rng, 22):
        vehicle(
            world,
            rng,
            x,
            y,
            angle + float(rng.choice([0, np.pi / 2])),
            str(rng.choice(["truck", "car"])),
        )
    for x, y in scatter(world, rng, 22):
        tree(world, rng, x, y, style.green)
    return world


def tank_farm(world: World, rng: Rng, angle: float, k: float) -> None:
    """Storage tanks in loose rows."""
    cx, cy = (0.2 + 0.6 * rng.random(2)) * (world.width_m, world.height_m)
    size = float(rng.uniform(7, 0.1 * k + 8))
    c, s = np.cos(angle), np.sin(angle)
    paints: tuple[Rgb, ...] = ((226, 226, 222), (196, 196, 190), (150, 120, 100), (128, 150, 140))
    base = paints[int(rng.integers(4))]
    for i in range(int(rng.integers(2, 5))):
        for j in range(int(rng.integers(1, 4))):
            d = size * float(rng.choice([0.55, 0.8, 1.0, 1.0]))
            u, v = (i - 1) * size * 1.35, (j - 0.5) * size * 1.35
            x, y = cx + u * c - v * s, cy + u * s + v * c
            outline = ellipse(x, y, d / 2, d / 2, 0)
            if world.claim(outline):
                rgb = jitter(rng, base if chance(rng, 0.8) else paints[int(rng.integers(4))], 0.05)
                world.add(
                    "tank", outline, rgb, width_m=d, length_m=d,
                    height_m=float(rng.uniform(4, 10)), shape="round",
                )  # fmt: skip


def stacks(world: World, rng: Rng, angle: float, blocks: int) -> None:
    """Shipping containers side by side."""
    paints: tuple[Rgb, ...] = (
        (170, 60, 48),
        (52, 92, 150),
        (196, 120, 52),
        (70, 118, 84),
        (206, 204, 200),
        (120, 82, 62),
    )
    c, s = np.cos(angle), np.sin(angle)
    for _ in range(blocks):
        x, y = rng.random(2) * (world.width_m, world.height_m)
        for i in range(int(rng.integers(2, 7))):
            for j in range(int(rng.integers(1, 3))):
                u, v = j * 12.8, i * 2.9
                px, py = x + u * c - v * s, y + u * s + v * c
                outline = rectangle(px, py, 12.2, 2.45, angle)
                if world.in_view(px, py, 8) and world.claim(outline):
                    world.add(
                        "container", outline, jitter(rng, paints[int(rng.integers(6))]),
                        length_m=12.2, width_m=2.45, angle=angle, height_m=2.6,
                        style={"row_m": 0.9},
                    )  # fmt: skip


def ship(world: World, rng: Rng, x: float, y: float, angle: float, length: float) -> None:
    """A ship, if there is room."""
    width = length * float(rng.uniform(0.2, 0.34))
    outline = rectangle(x, y, length, width, angle)
    if not world.in_view(x, y, length / 2) or not world.claim(
        rectangle(x, y, length * 1.1, width * 1.4, angle)
    ):
        return
    paints: tuple[Rgb, ...] = (
        (222, 222, 218),
        (170, 66, 52),
        (64, 84, 120),
        (120, 124, 126),
        (96, 76, 62),
        (70, 110, 90),
    )
    rgb = jitter(rng, paints[int(rng.choice(6, p=[0.4, 0.14, 0.14, 0.14, 0.1, 0.08]))])
    world.add(
        "ship", outline, rgb, length_m=length, width_m=width, angle=angle,
        style={"bridge": float(rng.choice([-0.6, -0.4, 0.1]))},
    )  # fmt: skip


def harbour(rng: Rng, width_m: float, height_m: float) -> World:
    """Sea on one side, a quay, piers and ships, sheds behind."""
    world = _paved(rng, width_m, height_m)
    style = draw_style(rng)
    angle = float(rng.uniform(0, 2 * np.pi))
    quay = crossing_line(rng, world, angle, float(rng.uniform(-0.3, 0.3)), 0.0, 40)
    far = offset(quay, 3 * max(width_m, height_m))
    sea = np.concatenate([quay, far[::-1]])
    world.add("sea", sea, _water(rng), texture="water")
    k = min(width_m, height_m)
    reach = float(rng.uniform(0.2, 0.5)) * k
    size = float(rng.uniform(9, 0.16 * k + 12))
    if chance(rng, 0.7):
        for x, y, a in along(
            quay, size * 2.2 + float(rng.uniform(6, 16)), float(rng.uniform(0, 20))
        ):
            nx, ny = -np.sin(a), np.cos(a)
            outline = rectangle(x + nx * reach / 2, y + ny * reach / 2, reach, 3.0, a + np.pi / 2)
            world.add(
                "pier",
                outline,
                jitter(rng, (150, 142, 128)),
                texture="concrete",
                axis=np.array([[x, y], [x + nx * reach, y + ny * reach]]),
            )
            world.take(outline)
            for t in np.arange(size * 0.5, reach, size * 0.6):
                for side in (-1, 1):
                    if chance(rng, 0.55):
                        length = size * float(rng.uniform(0.6, 1.1))
                        d = 2.0 + length * 0.55
                        ship(
                            world,
                            rng,
                            x + nx * t + np.cos(a) * d * side,
                            y + ny * t + np.sin(a) * d * side,
                            a,
                            length,
                        )
    for x, y in scatter(world, rng, size * 1.7):
        if (
            float((np.array([x, y]) - quay[0]) @ np.array([-np.sin(angle), np.cos(angle)]))
            > size * 0.4
        ):
            ship(
                world,
                rng,
                x,
                y,
                float(rng.uniform(0, 2 * np.pi)),
                size * float(rng.uniform(0.6, 1.6)),
            )
    world.take(sea)
    road(world, offset(quay, -float(rng.uniform(10, 26))), 7.0, style.asphalt)
    _halls(world, rng, angle, int(rng.integers(1, 6)), 0.18 * k + 8)
    stacks(world, rng, angle, int(rng.integers(0, 5)))
    for x, y in scatter(world, rng, 20):
        vehicle(
            world,
            rng,
            x,
            y,
            angle + float(rng.choice([0, np.pi / 2])),
            str(rng.choice(["truck", "car", "car"])),
        )
    return world


def airport(rng: Rng, width_m: float, height_m: float) -> World:
    """A runway or apron, aeroplanes, hangars."""
    world = World(
        width_m, height_m, Ground(jitter(rng, GRASS[int(rng.integers(len(GRASS)))]), "grass")
    )
    angle = float(rng.uniform(0, np.pi))
    k = min(width_m, height_m)
    big = chance(rng, 0.4) and k > 120
    span = float(rng.uniform(30, 42)) if big else float(rng.uniform(9, 15))
    if chance(rng, 0.7):
        line = crossing_line(rng, world, angle, float(rng.uniform(0.45, 0.8)), 0.0, 40)
        road(world, line, min(0.16 * k + 6, 45), (96, 96, 98), "runway")
        dashes(world, line, 12.0, 9.0, 0.7)
    apron = crossing_line(rng, world, angle, float(rng.uniform(-0.4, 0.0)), 0.0, 40)
    width = 0.5 * k + 10
    world.add("apron", ribbon(apron, width), jitter(rng, (158, 156, 150)), texture="concrete")
    c, s = np.cos(angle), np.sin(angle)
    heading = angle + np.pi / 2 + (np.pi if chance(rng, 0.5) else 0)
    for shift in np.arange(-width / 2 + span * 0.7, width / 2 - span * 0.5, span * 1.5):
        for x, y, _ in along(offset(apron, float(shift)), span * 1.3, float(rng.uniform(0, span))):
            if chance(rng, 0.6) and world.in_view(x, y, span / 2):
                d = span * float(rng.uniform(0.75, 1.1))
                length = d * float(rng.uniform(0.9, 1.1))
                outline = rectangle(x, y, length, d, heading)
                if world.claim(outline):
                    rgb = jitter(rng, (232, 232, 230), 0.05)
                    world.add(
                        "plane",
                        outline,
                        rgb,
                        length_m=length,
                        width_m=d,
                        angle=heading + float(rng.normal() * 0.1),
                    )
    for x, y in scatter(world, rng, 18):
        if chance(rng, 0.3):
            vehicle(
                world, rng, x, y, angle, str(rng.choice(["truck", "car", "bus"], p=[0.3, 0.6, 0.1]))
            )
    side = offset(apron, -width / 2 - 0.12 * k)
    for x, y, _ in along(side, 0.25 * k + 8, float(rng.uniform(0, 20))):
        building(
            world, rng, "hangar", x, y, 0.2 * k + 5, 0.14 * k + 5, angle, roof="dome" if chance(rng, 0.5) else "flat",
            covering=pick_roof(rng, _HALL_ROOFS, True), eave_m=6.0, gap_m=2.0,
        )  # fmt: skip
    return world


def fields(world: World, rng: Rng, angle: float) -> None:
    """Fields on a skewed grid, with rows."""
    k = max(world.width_m, world.height_m)
    size = float(rng.uniform(0.25, 0.7)) * k
    long = size * float(rng.uniform(1, 2))
    c, s = np.cos(angle), np.sin(angle)
    paints: tuple[Rgb, ...] = (
        (118, 132, 72),
        (92, 118, 62),
        (168, 150, 104),
        (134, 106, 78),
        (150, 146, 92),
        (104, 84, 64),
    )
    for i in np.arange(-3, 4):
        for j in np.arange(-3, 4):
            x = world.width_m / 2 + i * long * c - j * size * s + 5
            y = world.height_m / 2 + i * long * s + j * size * c - 7
            if not world.in_view(x, y, long):
                continue
            gap = float(rng.uniform(0.5, 4))
            world.add(
                "field", rectangle(x, y, long - gap, size - gap, angle), jitter(rng, paints[int(rng.integers(6))]),
                texture="crop", angle=angle, length_m=long, width_m=size,
                style={"row_m": float(rng.choice([1.0, 1.6, 3.0, 6.0])), "row_depth": float(rng.uniform(0, 0.18))},
            )  # fmt: skip


def farmland(rng: Rng, width_m: float, height_m: float) -> World:
    """Fields, a track, a farm, trees."""
    world = World(width_m, height_m, Ground(jitter(rng, (126, 126, 84)), "meadow"))
    style = draw_style(rng)
    angle = float(rng.uniform(0, np.pi))
    fields(world, rng, angle)
    line = main_street(
        world,
        rng,
        style,
        angle + (np.pi / 2 if chance(rng, 0.5) else 0),
        float(rng.uniform(-0.6, 0.6)),
    )
    if chance(rng, 0.3):
        water_body(world, rng, "pond", 0.1)
    if chance(rng, 0.75):
        frontage(world, rng, style, line, int(rng.choice([-1, 1])), float(rng.uniform(5, 14)))
    for x, y in scatter(world, rng, float(rng.uniform(14, 30))):
        tree(world, rng, x, y, style.green)
    return world


def nature(rng: Rng, width_m: float, height_m: float) -> World:
    """River or lake, forest, a bridge, some houses."""
    grounds: tuple[tuple[Rgb, str], ...] = (
        (GRASS[0], "meadow"),
        (GRASS[3], "meadow"),
        ((208, 194, 168), "sand"),
        ((150, 132, 106), "dirt"),
    )
    rgb, texture = grounds[int(rng.integers(4))]
    world, style = World(width_m, height_m, Ground(jitter(rng, rgb), texture)), draw_style(rng)
    k = min(width_m, height_m)
    angle = float(rng.uniform(0, np.pi))
    wet = chance(rng, 0.6)
    if wet:
        line = crossing_line(rng, world, angle, float(rng.uniform(-0.5, 0.5)), 0.06, 30)
        width = float(rng.uniform(0.08, 0.22)) * k + 4
        world.paint(ribbon(line, width * 1.15 + 2), (134, 120, 92), texture="dirt", level="shore")
        world.add(
            "river", ribbon(line, width), _water(rng), texture="water", axis=line, width_m=width
        )
        _crossing(world, rng, style.asphalt, angle, width)
        world.take(ribbon(line, width))
    else:
        water_body(world, rng, "lake", float(rng.uniform(0.15, 0.35)))
        main_street(world, rng, style, angle, float(rng.uniform(-0.8, 0.8)))
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.random(2) * (width_m, height_m)
        outline = blob(rng, x, y, float(rng.uniform(0.12, 0.35)) * k, 0.25)
        if world.free(outline, 0.03):
            world.take(outline)
            world.add(
                "forest", outline, jitter(rng, GREENS[int(rng.integers(5))]), texture="forest"
            )
    for x, y in scatter(world, rng, 0.22 * k + 6):
        house(
            world,
            rng,
            style,
            x,
            y,
            style.size_m * 1.3,
            style.size_m * 0.9,
            float(rng.uniform(0, 3)),
        )
    for x, y in scatter(world, rng, float(rng.uniform(9, 26))):
        tree(world, rng, x, y, style.green)
    return world


def _crossing(world: World, rng: Rng, asphalt: Rgb, angle: float, river_m: float) -> None:
    """A road over the river, on a bridge."""
    across = angle + np.pi / 2 + float(rng.normal() * 0.15)
    line = crossing_line(rng, world, across, float(rng.uniform(-0.5, 0.5)), 0.0, 20)
    width = float(rng.uniform(5, 9))
    road(world, line, width, asphalt)
    river = world.of("river")[0]
    assert river.axis is not None
    gap = np.linalg.norm(line[:, None] - river.axis[None], axis=2)
    fine = along(line, 1.0)
    gap = np.linalg.norm(fine[:, None, :2] - river.axis[None], axis=2).min(axis=1)
    k = int(gap.argmin())
    x, y, a = fine[k]
    length = river_m * 1.1 + 6
    deck = rectangle(x, y, length, width + 1.6, a)
    world.add(
        "bridge",
        deck,
        jitter(rng, (150, 148, 142), 0.08),
        texture="concrete",
        axis=line,
        height_m=3.0,
        length_m=length,
        width_m=width,
    )
    world.paint(
        rectangle(x, y, length, width - 0.6, a),
        asphalt,
        texture="asphalt",
        level="deck",
        owner=len(world.entities),
        height_m=3.0,
    )
    dashes(world, line, 3.0, 6.0, 0.2)


def coast(rng: Rng, width_m: float, height_m: float) -> World:
    """A beach with the sea and a promenade."""
    world, style = new_world(rng, width_m, height_m), draw_style(rng)
    angle = float(rng.uniform(0, 2 * np.pi))
    shore: Points = crossing_line(rng, world, angle, float(rng.uniform(-0.2, 0.4)), 0.03, 40)
    far = offset(shore, 3 * max(width_m, height_m))
    beach = float(rng.uniform(0.06, 0.2)) * min(width_m, height_m) + 4
    sand = np.concatenate([offset(shore, -beach), shore[::-1]])
    world.add("sand", sand, jitter(rng, (212, 194, 158)), texture="sand")
    sea = np.concatenate([shore, far[::-1]])
    world.add("sea", sea, _water(rng), texture="water")
    for x, y in scatter(world, rng, 30):
        if float((np.array([x, y]) - shore[0]) @ np.array([-np.sin(angle), np.cos(angle)])) > 14:
            ship(world, rng, x, y, float(rng.uniform(0, 6.3)), float(rng.uniform(7, 20)))
    world.take(sea)
    world.take(sand)
    line = offset(shore, -beach - float(rng.uniform(8, 16)))
    road(world, line, 7.0, style.asphalt)
    edge_line(world, line, 0.0)
    traffic(world, rng, line, 7.0, 30)
    for row in (1, 2, 3):
        frontage(world, rng, style, offset(line, -row * style.size_m * 1.6), -1, 6)
    greenery(world, rng, style)
    return world
