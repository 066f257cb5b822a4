"""A web map service on this machine: every tile is grey with a red square in its middle."""

from __future__ import annotations

import functools
import http.server
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from osgeo import gdal
from qgis.core import Qgis, QgsDataSourceUri, QgsRasterLayer

# Width of a tile of the finest level, 18.
TILE_M = 2 * math.pi * 6378137 / 2**18

# After 3.40 QGIS draws each tile a pixel too large, so that no gap shows between them: the square
# may begin a pixel early or end one late.
EDGE_PX = 0 if Qgis.versionInt() < 34100 else 1


@functools.lru_cache(maxsize=1)  # the server's threads must not draw it at the same time
def tile_png() -> bytes:
    """A tile with a red square in its middle."""
    dataset = gdal.GetDriverByName("MEM").Create("", 256, 256, 3, gdal.GDT_Byte)
    pixels = np.full((3, 256, 256), 90, np.uint8)
    pixels[0, 96:160, 96:160] = 220
    pixels[1:, 96:160, 96:160] = 30
    dataset.WriteArray(pixels)
    gdal.GetDriverByName("PNG").CreateCopy("/vsimem/tile.png", dataset)
    handle = gdal.VSIFOpenL("/vsimem/tile.png", "rb")
    try:
        return bytes(gdal.VSIFReadL(1, gdal.VSIStatL("/vsimem/tile.png").size, handle))
    finally:
        gdal.VSIFCloseL(handle)


class Tiles(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = tile_png()
        self.send_response(200)
        self.send_header("Content-Type", "image/png")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def tile_service() -> Iterator[str]:
    """The service's address."""
    tile_png()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tiles)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{{z}}/{{x}}/{{y}}.png"
    server.shutdown()
    server.server_close()


def tiles_layer(url: str) -> QgsRasterLayer:
    source = QgsDataSourceUri()  # versions of QGIS differ in what they want encoded
    for name, value in (("type", "xyz"), ("url", url), ("zmin", "0"), ("zmax", "18")):
        source.setParam(name, value)
    return QgsRasterLayer(bytes(source.encodedUri()).decode(), "tiles", "wms")
