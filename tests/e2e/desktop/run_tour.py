"""`make tour`: the plugin in the real QGIS desktop, a picture of every state in build/tour.

``run_tour.py [--states a,b] [--theme "Night Mapping"] [--scale 2] [--language de] [--out DIR]``
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
WAIT_S = 1500
SPOILT = (
    "raster,busy,result,nothing,missing,narrow,failed,relation,refined,history,dialogs,settings,"
    "first_run,help_window,toolbox_again,algorithms"
)
INI = """[PythonPlugins]
rsrefseg_qgis=true

[qgis]
checkVersion=false
showTips=false

[UI]
UITheme={theme}

[locale]
overrideFlag={override}
userLocale={language}
globalLocale={language}

[rsrefseg]
engine\\start_timeout_s=600

[core]
NewsFeed\\httpsfeedqgisorg\\disabled=true
"""


# What `make tour` takes pictures of: all states as they are, then what themes, scale and language
# may spoil.
PASSES: tuple[dict[str, object], ...] = (
    {},
    {"prefix": "dark-", "theme": "Night Mapping", "states": SPOILT},
    {"prefix": "big-", "scale": 2, "states": SPOILT},
    {"prefix": "german-", "language": "de", "states": SPOILT},
)


def main() -> int:
    asked = arguments()
    if asked != arguments([]):  # something special is wanted
        return tour(asked)
    failed = 0
    for changes in PASSES:
        failed += tour(argparse.Namespace(**{**vars(asked), **changes}))
    return 1 if failed else 0


def tour(asked: argparse.Namespace) -> int:
    """One run of QGIS; 1 when it did not get to its end."""
    out = Path(asked.out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    said = out / f"{asked.prefix}tour.json"
    said.unlink(missing_ok=True)
    order = {
        "out": str(out),
        "raster": str(asked.raster or demo_raster(out)),
        "states": [name for name in asked.states.split(",") if name],
        "prefix": asked.prefix,
        "tools": str(HERE),
    }
    environment = {
        **os.environ,
        # QGIS takes the home of the first python3 on the PATH for its own Python's.
        "PATH": f"/usr/bin:/bin:{os.environ.get('PATH', '')}",
        "RSREFSEG_TOUR": json.dumps(order),
        "RSREFSEG_ENGINE_PYTHON": asked.engine or str(ROOT / ".venv/engine/bin/python"),
        "RSREFSEG_ENGINE_FOLDER": str(out / "engine"),
        "LC_ALL": "C.UTF-8",
    }
    environment.pop("QT_QPA_PLATFORM", None)
    if asked.scale != 1:
        environment["QT_SCALE_FACTOR"] = str(asked.scale)
    screen = f"-screen 0 {1400 * asked.scale}x{900 * asked.scale}x24"
    command = ["xvfb-run", "-a", "-s", screen, "qgis", "--profiles-path", str(profile(out, asked))]
    command += ["--nologo", "--noversioncheck", "--code", str(HERE / "tour.py")]
    with (out / "qgis.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            process.wait(WAIT_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    report = json.loads(said.read_text()) if said.is_file() else {"ok": False, "error": "no word"}
    print(report["error"] or f"pictures in {out}")
    return 0 if report["ok"] else 1


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--states", default="")
    parser.add_argument("--theme", default="default")
    parser.add_argument("--scale", type=int, default=1)
    parser.add_argument("--language", default="")
    parser.add_argument("--prefix", default="")
    parser.add_argument("--raster", default="")
    parser.add_argument("--engine", default="")
    parser.add_argument("--out", default=str(ROOT / "build" / "tour"))
    return parser.parse_args(given)


def demo_raster(out: Path) -> Path:
    """The scene of the demonstration, generated once."""
    raster = out / "scene" / "demo.tif"
    if not raster.is_file():
        python = ROOT / ".venv/engine/bin/python"
        command = [str(python), "-m", "rsrefseg", "scenes", "--demo", "-o", str(raster.parent)]
        subprocess.run(command, check=True)
    return raster


def profile(out: Path, asked: argparse.Namespace) -> Path:
    """A fresh QGIS profile with the plugin of this source tree."""
    profiles = out / "profiles"
    shutil.rmtree(profiles, ignore_errors=True)
    folder = profiles / "profiles" / "default"
    (folder / "QGIS").mkdir(parents=True)
    text = INI.format(
        theme=asked.theme,
        override="true" if asked.language else "false",
        language=asked.language or "en_US",
    )
    (folder / "QGIS" / "QGIS3.ini").write_text(text, encoding="utf-8")
    (folder / "python" / "plugins").mkdir(parents=True)
    (folder / "python" / "plugins" / "rsrefseg_qgis").symlink_to(ROOT / "rsrefseg_qgis")
    return profiles


if __name__ == "__main__":
    sys.exit(main())
