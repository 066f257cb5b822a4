"""Runs the benchmarks, one process each: backend/benchmarks/NAME.py, with build/bench as its home.

A benchmark prints its table and writes build/bench/NAME.json with the machine, the figures and a
``ratios`` object. Arguments are names; without any all are run.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "backend" / "benchmarks"


def available() -> dict[str, Path]:
    """The benchmarks by name; modules that begin with an underscore are helpers of theirs."""
    return {path.stem: path for path in sorted(FOLDER.glob("[a-z]*.py"))}


def main(names: list[str]) -> int:
    """Run them in turn; 1 when one failed or is unknown."""
    found = available()
    unknown = [name for name in names if name not in found]
    if unknown:
        print(f"There is no part {', '.join(unknown)}; there are: {', '.join(found) or 'none'}.")
        return 1
    (ROOT / "build" / "bench").mkdir(parents=True, exist_ok=True)
    failed = []
    for name in names or list(found):
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, str(found[name])], cwd=ROOT, check=False).returncode:
            failed.append(name)
    print("make bench:", f"failed: {failed}" if failed else "OK")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
