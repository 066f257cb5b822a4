"""`make demo`: the main job in the real QGIS desktop, measured against the scene's own truth.

Leaves result.gpkg, screenshot.png and report.json in build/demo and ends with code 0, or with a
sentence and code 1. DEMO_RASTER and DEMO_PHRASE run it on any raster (then there is no truth to
compare with), DEMO_OUT leaves the files elsewhere.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
PHRASE = "the red-roofed building left of the road"
WAIT_S = float(os.environ.get("DEMO_WAIT_S", "300"))
PROFILE_INI = """[PythonPlugins]
rsrefseg_qgis=true

[qgis]
checkVersion=false
showTips=false

[core]
NewsFeed\\httpsfeedqgisorg\\disabled=true
"""


class DemoError(Exception):
    """The demo failed; the text says why."""


def make_scene(out: Path) -> Path:
    """Generate the demo scene with the engine; give its raster."""
    command = [sys.executable, "-m", "rsrefseg", "scenes", "--demo", "-o", str(out)]
    run = subprocess.run(command, check=False)
    raster = out / "demo.tif"
    if run.returncode or not raster.is_file():
        raise DemoError("The demo scene could not be generated.")
    return raster


def make_profile(out: Path) -> Path:
    """A fresh QGIS profile with the plugin of this source tree switched on."""
    profiles = out / "profiles"
    shutil.rmtree(profiles, ignore_errors=True)
    profile = profiles / "profiles" / "default"
    (profile / "QGIS").mkdir(parents=True)
    (profile / "QGIS" / "QGIS3.ini").write_text(PROFILE_INI, encoding="utf-8")
    (profile / "python" / "plugins").mkdir(parents=True)
    (profile / "python" / "plugins" / "rsrefseg_qgis").symlink_to(ROOT / "rsrefseg_qgis")
    return profiles


def qgis_command(profiles: Path) -> list[str]:
    """How QGIS is started: on the display there is, else on a virtual one."""
    qgis = shutil.which("qgis")
    if qgis is None:
        raise DemoError("QGIS is not installed; run tools/setup.sh system.")
    command = [qgis, "--profiles-path", str(profiles), "--nologo", "--noversioncheck"]
    command += ["--code", str(HERE / "drive.py")]
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        return command
    screen = shutil.which("xvfb-run")
    if screen is None:
        raise DemoError("There is no display and no xvfb-run; run tools/setup.sh system.")
    return [screen, "-a", "-s", "-screen 0 1400x900x24", *command]


def run_qgis(out: Path, raster: Path, phrase: str) -> dict[str, Any]:
    """Drive QGIS and give what it reported."""
    environment = {
        **os.environ,
        # QGIS takes the home of the first python3 on the PATH for its own Python's.
        "PATH": f"/usr/bin:/bin:{os.environ.get('PATH', '')}",
        "RSREFSEG_DEMO_OUT": str(out),
        "RSREFSEG_DEMO_RASTER": str(raster),
        "RSREFSEG_DEMO_PHRASE": phrase,
        "RSREFSEG_DEMO_WAIT_S": str(WAIT_S),
        "RSREFSEG_ENGINE_PYTHON": sys.executable,
        "RSREFSEG_ENGINE_FOLDER": str(out / "engine"),
        "LC_ALL": "C.UTF-8",
    }
    environment.pop("QT_QPA_PLATFORM", None)  # a real window, not the tests' offscreen one
    said = out / "drive.json"
    command = qgis_command(make_profile(out))
    with (out / "qgis.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            process.wait(3 * WAIT_S)
        except subprocess.TimeoutExpired as error:
            raise DemoError(f"QGIS did not end; see {out / 'qgis.log'}.") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)  # xvfb-run, QGIS and the engine
                process.wait()
    if not said.is_file():
        raise DemoError(f"QGIS ended without a word; see {out / 'qgis.log'}.")
    report: dict[str, Any] = json.loads(said.read_text("utf-8"))
    if not report["ok"]:
        raise DemoError(str(report["error"]))
    return report


def iou_with_truth(result: Path, truth: Path, raster: Path) -> float:
    """IoU of the result's polygons with the scene's own, pixel by pixel."""
    import rasterio
    import shapely
    from pyogrio.raw import read
    from rasterio.features import rasterize

    with rasterio.open(raster) as source:
        shape, transform = source.shape, source.transform

    def mask(path: Path) -> Any:
        _, _, geometries, _ = read(str(path), columns=[])
        shapes = [geometry for geometry in shapely.from_wkb(geometries) if geometry is not None]
        return rasterize(shapes, out_shape=shape, transform=transform).astype(bool)

    found, wanted = mask(result), mask(truth)
    union = int((found | wanted).sum())
    return float((found & wanted).sum()) / union if union else 0.0


def main() -> int:
    """Run the demo and say how it went."""
    out = Path(os.environ.get("DEMO_OUT") or ROOT / "build" / "demo").resolve()
    out.mkdir(parents=True, exist_ok=True)
    for name in ("result.gpkg", "screenshot.png", "report.json", "drive.json"):
        (out / name).unlink(missing_ok=True)
    own = os.environ.get("DEMO_RASTER")
    phrase = os.environ.get("DEMO_PHRASE") or PHRASE
    try:
        raster = Path(own).resolve() if own else make_scene(out)
        said = run_qgis(out, raster, phrase)
        iou = None
        if own is None and phrase == PHRASE:
            iou = round(iou_with_truth(out / "result.gpkg", out / "demo_truth.geojson", raster), 4)
    except DemoError as error:
        print(f"make demo: {error}", file=sys.stderr)
        return 1
    report = {
        "phrase": phrase,
        "raster": str(raster),
        "features": said["features"],
        "crs": said["crs"],
        "iou": iou,
        "first_polygons_cold_s": said["cold_s"],
        "first_polygons_warm_s": said["warm_s"],
        "model": said["model"],
        "device": said["device"],
        "qgis": said["qgis"],
        "qt": said["qt"],
    }
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(
        f"make demo: “{phrase}”: {said['features']} polygons in {said['crs']}, IoU {iou}, "
        f"first polygons after {said['cold_s']:.1f} s cold, {said['warm_s']:.1f} s warm; "
        f"see {out}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
