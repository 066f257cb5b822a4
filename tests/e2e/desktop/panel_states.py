"""The panel from the empty project to the answer."""

from __future__ import annotations

from collections.abc import Iterator

from qgis.PyQt.QtCore import Qt
from qgis.utils import iface
from stage import (
    DOCK,
    Step,
    after,
    ask,
    changed_environment,
    fresh,
    idle,
    open_raster,
    picture,
    plugin,
    state,
    until,
    without_engine,
)


@state
def empty() -> Iterator[Step]:
    yield from fresh()
    yield from picture("01-empty")


@state
def raster() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    plugin().panel.phrase_edit.clear()
    yield from picture("02-raster")


@state
def busy() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    plugin().manager.stop()
    ask("the red-roofed building left of the road")
    yield after(0.4)
    yield from picture("03-starting")
    yield until(idle, "the answer")


@state
def result() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    ask("the red-roofed building left of the road")
    yield until(idle, "the answer")
    if not plugin().state.view.summary:
        raise RuntimeError(f"no result: {plugin().manager.last_error}")
    yield after(8.0)  # then QGIS's own “Task complete” is gone, which a quick machine never shows
    yield from picture("04-result")


@state
def several() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    ask("red roofs; all buildings; nothing")
    yield until(idle, "the answer")
    yield from picture("05-several")


@state
def nothing() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    ask("nothing like a zzheliport")
    yield until(idle, "the answer")
    yield from picture("06-nothing")


@state
def refused() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    ask(" ")
    yield from picture("07-no-phrase")


@state
def missing() -> Iterator[Step]:
    """No engine is installed."""
    yield from fresh()
    yield from open_raster()
    with without_engine("/tmp/rsrefseg"):
        ask("all buildings")
        yield until(idle, "the answer")
        yield from picture("08-not-installed")


@state
def narrow() -> Iterator[Step]:
    yield from fresh()
    yield from open_raster()
    ask("red roofs")
    yield until(idle, "the answer")
    window = iface.mainWindow()
    window.resizeDocks([plugin().panel], [180], Qt.Orientation.Horizontal)
    yield from picture("09-narrow")
    window.resizeDocks([plugin().panel], [DOCK], Qt.Orientation.Horizontal)


@state
def failed() -> Iterator[Step]:
    """The engine that is to be used cannot be started."""
    yield from fresh()
    yield from open_raster()
    with changed_environment(RSREFSEG_ENGINE_PYTHON="/usr/bin/false"):
        ask("all buildings")
        yield until(idle, "the answer")
        yield from picture("22-failed")


@state
def unreachable() -> Iterator[Step]:
    """The remote engine does not answer."""
    yield from fresh()
    yield from open_raster()
    here = {"RSREFSEG_ENGINE_URL": "http://127.0.0.1:9", "RSREFSEG_ENGINE_TOKEN": "secret"}
    with changed_environment(**here):
        ask("all buildings")
        yield until(idle, "the answer")
        yield from picture("23-unreachable")
