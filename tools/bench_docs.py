"""Puts what the last benchmarks measured into the marked blocks of the docs.

    python tools/bench_docs.py

A block lies between ``<!-- bench:NAME -->`` and ``<!-- /bench -->`` and is made from
build/bench/NAME.json; those whose benchmark did not run stay as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BENCH = ROOT / "build" / "bench"
PAGES = (ROOT / "docs" / "performance.md", ROOT / "docs" / "reliability.md")
BLOCK = re.compile(r"(<!-- bench:(\w+) -->\n).*?(<!-- /bench -->)", re.DOTALL)


def measured_on(report: dict[str, Any], *also: str) -> str:
    """The machine, as a sentence."""
    machine = report["machine"]
    facts = (machine["cpu"], f"{machine['cores']} cores", f"{machine['memory_gb']} GB", *also)
    return f"Measured on {', '.join(facts)}, load before the start {machine['load_before']}."


def interactive(report: dict[str, Any]) -> str:
    """What each step takes, and the ratios beside their targets."""
    lines = [
        measured_on(report, f"Python {report['machine']['python']}"),
        "",
        "| Step | " + " | ".join(model["title"] for model in models(report)) + " |",
        "| --- |" + " ---: |" * len(models(report)),
        row("engine's start to listening", report, ("cold_start", "listening_s")),
        row("… to ready, model loaded", report, ("cold_start", "ready_s")),
        row("… the first time ever, model tried out", report, ("cold_start", "first_ready_s")),
    ]
    lines += [row(step, report, ("steps", step)) for step in report["tiny"]["steps"]]
    lines += ["", f"The engine on the tiny preset: {report['tiny']['how']}"]
    lines += ["", "| Ratio | Measured | Target |", "| --- | ---: | ---: |"]
    for name, value in report["ratios"].items():
        lines.append(f"| `{name}` | {value:.3f} | {report['targets'][name]:.3f} |")
    return "\n".join(lines)


def models(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The models that were measured."""
    return [report[key] for key in ("tiny", "large") if report.get(key)]


def row(name: str, report: dict[str, Any], keys: tuple[str, str]) -> str:
    """A line with a cell for each model."""
    cells = (timed(model[keys[0]].get(keys[1])) for model in models(report))
    return f"| {name} | " + " | ".join(cells) + " |"


def timed(step: dict[str, float] | float | None) -> str:
    """Seconds, or a step's median and the share of it that the model did not take."""
    if step is None:
        return ""
    if not isinstance(step, dict):
        return s(step)
    return f"{s(step['median_s'])} ({step['outside_model_share']:.0%} outside the model)"


def s(seconds: float) -> str:
    """Seconds as a person reads them."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def load(report: dict[str, Any]) -> str:
    """Clients, requests, faults and what was lost."""
    counted, tests = report["counted"], report["tests"]
    run = counted["load"]
    lost = report["ratios"]["lost_over_requests"] * run["requests"]
    answered = run["segment"] + run["upload"] + run["encode"] + run.get("too late to cancel", 0)
    rows = [
        ("clients at once", run["clients"]),
        ("requests", run["requests"]),
        ("… answered, each as when asked alone", answered),
        ("… cancelled", run["cancelled"]),
        ("… lost", round(lost)),
        ("redrawn from kept probabilities beside them", run["redrawn"]),
        ("memory grew by", f"{run['growth_bytes'] / 1e6:.0f} MB"),
        ("clients killed (`kill -9`) at random moments", counted["client_kills"]["kills"]),
        ("engines killed at random moments", counted["engine_kills"]["kills"]),
        ("programs killed that had started an engine", counted["parent_kills"]["kills"]),
        ("tests of hostile and broken uploads", f"{tests['hostile']['tests']:.0f}"),
        ("schemathesis: operations x modes", f"{tests['schema']['tests']:.0f}"),
        ("tests that failed", f"{report['ratios']['failed_tests']:.0f}"),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"| What | Number |\n| --- | ---: |\n{table}"


def model(report: dict[str, Any]) -> str:
    """What the model's two steps take, and what encoding once gains over encoding each time."""
    machine, figures = report["machine"], report["figures"]
    device = "" if machine["device"] == "cpu" else f", {machine['device']}"
    lines = [
        f"`{report['preset']}` with random weights on {machine['cpu']}, {machine['threads']} "
        f"threads, {machine['memory_gb']} GB{device}, torch {machine['torch']}, load before the "
        f"start {machine['load_before']}.",
        "",
        "| Step | " + " | ".join(figures) + " |",
        "| --- |" + " ---: |" * len(figures),
    ]
    for step in next(iter(figures.values())):
        costs = (
            f"{s(costs[step]['seconds'])}, {costs[step]['peak_mb'] / 1000:.1f} GB"
            for costs in figures.values()
        )
        lines.append(f"| {step} | " + " | ".join(costs) + " |")
    lines += ["", "| Times faster than the naive loop | Measured | At least |"]
    lines.append("| --- | ---: | ---: |")
    for name, value in report["ratios"].items():
        target = report["targets"][name.partition(", ")[2]]
        lines.append(f"| {name} | {value:.2f} | {target:.2f} |")
    lines += [f"\n{precision}: {why}." for precision, why in report["left_out"].items()]
    return "\n".join(lines)


def scene(report: dict[str, Any]) -> str:
    """The benchmark's own tables and where they were measured."""
    precision = report["figures"]["large"]["precision"]
    return f"{measured_on(report, f'in {precision}')}\n\n{report['markdown']}"


def scenes(report: dict[str, Any]) -> str:
    """How many scenes a core makes a second, and what each stage takes."""
    figures = report["figures"]
    rows = [
        ("made by one core, each scene's best pass", f"{figures['scenes_per_s_per_core']:.1f}"),
        ("… written as files", f"{figures['written_per_s_per_core']:.1f}"),
        ("whole passes", f"{figures['slowest_pass']:.1f} to {figures['fastest_pass']:.1f}"),
        ("target", f"{report['target_per_s']:.0f}"),
    ]
    stages = [f"{name[:-3]} {ms:.1f} ms" for name, ms in figures.items() if name.endswith("_ms")]
    lines = [measured_on(report), "", "| Scenes a second | Number |", "| --- | ---: |"]
    lines += [f"| {name} | {value} |" for name, value in rows]
    return "\n".join([*lines, "", f"Stages: {', '.join(stages)}."])


def heartbeat(report: dict[str, Any]) -> str:
    """How long QGIS's main thread was blocked at most, step by step."""
    lines = [
        measured_on(report),
        "",
        f"| While | Longest block, at most {s(report['limit_s'])} asked | of it own work |",
        "| --- | ---: | ---: |",
    ]
    lines += [
        f"| {name} | {s(piece['blocked_s'])} | {s(piece['cpu_s'])} |"
        for name, piece in report["pieces"].items()
    ]
    return "\n".join(lines)


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "heartbeat": heartbeat,
    "scenes": scenes,
    "interactive": interactive,
    "load": load,
    "model": model,
    "scene": scene,
}


def main() -> None:
    """Fills every block for which there are figures."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")

        def fill(found: re.Match[str]) -> str:
            path = BENCH / f"{found[2]}.json"
            if found[2] not in TABLES or not path.is_file():
                print(f"{found[2]}: no figures, left as it is")
                return found[0]
            report = json.loads(path.read_text(encoding="utf-8"))
            print(f"{found[2]}: filled")
            return f"{found[1]}{TABLES[found[2]](report)}\n{found[3]}"

        page.write_text(BLOCK.sub(fill, text), encoding="utf-8")


if __name__ == "__main__":
    main()
