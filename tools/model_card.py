"""Puts measured figures into the model card: tables between its BEGIN and END marks.

python tools/model_card.py --scenes scenes.json --real real.json --log log.jsonl --latency i.json
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

CARD = Path(__file__).resolve().parents[1] / "resources" / "weights" / "MODEL_CARD.md"
COLUMNS = ("n", "gIoU", "cIoU", "Pr@0.5", "N-acc", "answered", "blind_gIoU")
STRETCHES = 5


def main() -> None:
    """Fill in what was given; leave the other tables as they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=Path, help="rsrefseg evaluate --json on generated scenes")
    parser.add_argument("--real", type=Path, help="rsrefseg evaluate --json on real imagery")
    parser.add_argument("--log", type=Path, help="log.jsonl of the training run")
    parser.add_argument("--latency", type=Path, help="build/bench/interactive.json")
    given = parser.parse_args()
    card = CARD.read_text(encoding="utf-8")
    if given.scenes:
        card = fill(card, "scenes", evaluation_table(read(given.scenes), ("by_kind",)))
    if given.real:
        card = fill(card, "real", evaluation_table(read(given.real), ("by_source", "by_kind")))
    if given.log:
        card = fill(card, "curve", curve_table(given.log.read_text(encoding="utf-8").splitlines()))
    if given.latency:
        card = fill(card, "latency", latency_table(read(given.latency)))
    CARD.write_text(card, encoding="utf-8")


def read(path: Path) -> dict[str, Any]:
    """A JSON file."""
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values


def fill(card: str, name: str, table: str) -> str:
    """The card with what stands between a pair of marks replaced."""
    pattern = re.compile(rf"(<!-- BEGIN {name} -->\n).*?(<!-- END {name} -->)", re.DOTALL)
    if not pattern.search(card):
        raise SystemExit(f"{CARD} has no marks for {name}.")
    return pattern.sub(lambda m: f"{m.group(1)}{table}\n{m.group(2)}", card)


def evaluation_table(figures: Mapping[str, Any], groups: Iterable[str]) -> str:
    """A row for all cases and one for each group's values."""
    rows = {"all": figures}
    for group in groups:
        rows.update(figures[group])
    return table(("", *COLUMNS), ([k, *(row.get(c) for c in COLUMNS)] for k, row in rows.items()))


def curve_table(lines: Iterable[str]) -> str:
    """Validation gIoU over the steps of the run; the masks' loss where none was measured."""
    entries = [json.loads(line) for line in lines]
    measured = [e for e in entries if "validation" in e]
    if measured:
        rows = ([e["step"], e["minutes"], e["validation"]["gIoU"]] for e in measured)
        return table(("step", "minutes", "gIoU"), rows)
    size = max(1, len(entries) // STRETCHES)
    stretches = [entries[i : i + size] for i in range(0, len(entries) - size + 1, size)]
    losses = (
        [s[-1]["step"], s[-1]["minutes"], fmean(e["loss"]["dice"] for e in s)] for s in stretches
    )
    return table(("to step", "minutes", "mean Dice loss"), losses)


def latency_table(figures: Mapping[str, Any]) -> str:
    """What each step of asking takes, by the interactive benchmark."""
    machine, tiny = figures["machine"], figures["tiny"]
    said = f"{tiny['title']}, {machine['cores']} cores; median of the benchmark `interactive`."
    rows = ([name, 1000 * step["median_s"]] for name, step in tiny["steps"].items())
    return f"{said}\n\n" + table(("step", "milliseconds"), rows)


def table(head: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(cell(v) for v in row) + " |" for row in rows]
    return "\n".join(lines)


def cell(value: Any) -> str:
    """One value, or a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main()
