"""Runs all tests in both Pythons and ends with one plain line; exit code 0 only if all passed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / "build" / "test"
# Name, Python, folders below tests/.
PARTS = (
    ("engine", ".venv/engine/bin/python", ("backend", "architecture", "contract")),
    ("plugin", ".venv/qgis/bin/python", ("plugin", "e2e")),
)


def run_part(name: str, python: str, folders: tuple[str, ...], arguments: list[str]) -> int:
    """Run one Python's tests; give pytest's exit code."""
    environment = dict(os.environ)
    if name == "plugin":
        environment["QT_QPA_PLATFORM"] = "offscreen"
    print(f"== {name} tests", flush=True)
    present = [f"tests/{folder}" for folder in folders if (ROOT / "tests" / folder).is_dir()]
    report = REPORTS / f"{name}.xml"
    report.unlink(missing_ok=True)
    command = [str(ROOT / python), "-m", "pytest", "-q", f"--junitxml={report}"]
    run = subprocess.run([*command, *present, *arguments], cwd=ROOT, env=environment, check=False)
    return run.returncode


def counts(name: str) -> dict[str, int]:
    """What a part's report counts; one error when pytest died before it wrote a whole one."""
    try:
        suite = ElementTree.parse(REPORTS / f"{name}.xml").getroot().find("testsuite")
    except (OSError, ElementTree.ParseError):
        suite = None
    if suite is None:
        return {"tests": 1, "failures": 0, "errors": 1, "skipped": 0}
    return {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}


def main() -> int:
    """Run both parts, whatever the first one gives."""
    begun = time.monotonic()
    REPORTS.mkdir(parents=True, exist_ok=True)
    codes = {name: run_part(name, python, folders, sys.argv[1:]) for name, python, folders in PARTS}
    total: dict[str, int] = {}
    for name in codes:
        for key, number in counts(name).items():
            total[key] = total.get(key, 0) + number
    failed = total["failures"] + total["errors"]
    passed = total["tests"] - failed - total["skipped"]
    seconds = time.monotonic() - begun
    bad = [f"{name} tests ended with code {code}" for name, code in codes.items() if code]
    print(
        f"make test: {passed} passed, {failed} failed, {total['skipped']} skipped "
        f"in {seconds:.0f} s: {'; '.join(bad) or 'OK'}"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
