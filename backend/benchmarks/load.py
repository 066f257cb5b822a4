"""Load, kills and hostile input, at the full numbers of docs/reliability.md.

Runs the tests that hold the service to them, so that there is one measure and not two, and gathers
what they counted. An answer that is wrong, or a request that is lost, fails the test, and with it
this benchmark.

    python backend/benchmarks/load.py [--requests 200] [--kills 25]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "bench" / "load.json"
SERVER = "tests/backend/server"
PARTS = {
    "load": f"{SERVER}/test_load.py",
    "kills": f"{SERVER}/test_kills.py",
    "hostile": f"{SERVER}/test_hostile.py",
    "schema": f"{SERVER}/test_openapi.py",
}


def run(name: str, folder: Path, environment: dict[str, str]) -> dict[str, float]:
    """Run a part's tests: how many ran, failed and were left out, and the seconds.

    Raises:
        SystemExit: pytest did not get as far as to report.
    """
    report = folder / f"{name}.xml"
    begun = time.perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", PARTS[name], f"--junitxml={report}"]
    subprocess.run(command, cwd=ROOT, env=environment, check=False)
    suite = ElementTree.parse(report).getroot().find("testsuite") if report.is_file() else None
    if suite is None:
        raise SystemExit(f"The tests of {name} did not run.")
    found = {key: float(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
    return {**found, "seconds": round(time.perf_counter() - begun, 1)}


def main() -> int:
    """Runs them all, prints what was counted and writes JSON; 1 when a test failed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--requests", type=int, default=200, help="of each of the 8 clients")
    parser.add_argument("--kills", type=int, default=25, help="of clients; as many of engines")
    options = parser.parse_args()
    counted: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="rsrefseg-bench-") as name:
        folder = Path(name)
        environment = {
            **os.environ,
            "RSREFSEG_LOAD_REQUESTS": str(options.requests),
            "RSREFSEG_KILLS": str(options.kills),
            "RSREFSEG_FIGURES": str(folder),
        }
        tests = {part: run(part, folder, environment) for part in PARTS}
        for path in sorted(folder.glob("*.json")):
            counted[path.stem] = json.loads(path.read_text(encoding="utf-8"))
    failed = sum(part["failures"] + part["errors"] for part in tests.values())
    load = counted.get("load", {})
    asked = load.get("requests", 0)
    answered = sum(load.get(k, 0) for k in ("segment", "upload", "encode", "too late to cancel"))
    ratios = {"lost_over_requests": None, "failed_tests": failed}
    if asked:
        ratios["lost_over_requests"] = (asked - answered - load.get("cancelled", 0)) / asked
    report = {"tests": tests, "counted": counted, "ratios": ratios}
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(counted, indent=2))
    for part, numbers in tests.items():
        print(f"  {part:<10}{numbers['tests']:>5.0f} tests in {numbers['seconds']:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
