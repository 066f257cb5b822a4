"""A stand-in for the engine that finds what is red in the pixels that it was really given.

So tests see where polygons land without a model. Its manners come from `engine/fake_engine.py`.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from osgeo import gdal, ogr

sys.path.insert(0, str(Path(__file__).with_name("engine")))
import fake_engine

gdal.UseExceptions()
IMAGES: dict[str, bytes] = {}
ANSWERS: dict[str, dict] = {}
# request -> what it held back as no match; request -> its image
GUESSES: dict[str, dict[str, list[dict]]] = {}
SEEN: dict[str, str] = {}


def red_polygons(tiff: bytes, phrase: str) -> list[dict]:
    """GeoJSON features of the red areas, holes kept, exact to the pixel edge."""
    gdal.FileFromMemBuffer("/vsimem/in.tif", tiff)
    source = gdal.Open("/vsimem/in.tif")
    red, green, blue, alpha = (band.astype(int) for band in source.ReadAsArray())
    mask = (red > 150) & (red > green + 60) & (red > blue + 60) & (alpha > 0)
    memory = gdal.GetDriverByName("MEM").Create("", *mask.shape[::-1], 1, gdal.GDT_Byte)
    memory.SetGeoTransform(source.GetGeoTransform())
    memory.GetRasterBand(1).WriteArray(mask.astype(np.uint8))
    holder = ogr.GetDriverByName("Memory").CreateDataSource("")
    layer = holder.CreateLayer("found")
    band = memory.GetRasterBand(1)
    gdal.Polygonize(band, band, layer, -1)
    return [
        {
            "type": "Feature",
            "geometry": json.loads(feature.GetGeometryRef().ExportToJson()),
            "properties": {
                "phrase": phrase,
                "score": 0.9,
                "area_m2": feature.GetGeometryRef().GetArea(),
            },
        }
        for feature in layer
    ]


def redness(tiff: bytes) -> bytes:
    """The red band, from 0 to 1, as a GeoTIFF of its own."""
    gdal.FileFromMemBuffer("/vsimem/seen.tif", tiff)
    options = {"bandList": [1], "outputType": gdal.GDT_Float32, "scaleParams": [[0, 255, 0, 1]]}
    gdal.Translate("/vsimem/red.tif", "/vsimem/seen.tif", **options)
    return bytes(gdal.VSIGetMemFileBuffer_unsafe("/vsimem/red.tif"))


class Handler(fake_engine.Handler):
    def images(self, body: bytes) -> None:
        gdal.FileFromMemBuffer("/vsimem/put.tif", body)
        image = gdal.Open("/vsimem/put.tif")
        key = fake_engine.hashlib.sha256(body).hexdigest()
        IMAGES[key] = body
        x, dx, rx, y, ry, dy = image.GetGeoTransform()
        self.reply(
            201,
            {
                "image_id": key,
                "width": image.RasterXSize,
                "height": image.RasterYSize,
                "crs": image.GetProjection() or None,
                "transform": [dx, rx, x, ry, dy, y],
                "bands": image.RasterCount,
                "dtype": "uint8",
            },
        )

    def do_GET(self) -> None:
        path, _, _ = self.path.partition("?")
        if not path.endswith(("/heat", "/probability")):
            super().do_GET()
            return
        image = SEEN.get(path.split("/")[-2])
        if image is None:
            self.refuse(404, "unknown_request", "These probabilities are no longer kept.")
            return
        raw = redness(IMAGES[image])
        self.send_response(200)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def do_POST(self) -> None:
        if not self.path.endswith("/polygons"):
            super().do_POST()
            return
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", "0"))))
        kept = ANSWERS.get(self.path.split("/")[-2])
        if kept is None:
            self.refuse(404, "unknown_request", "These probabilities are no longer kept.")
            return
        answer = json.loads(json.dumps(kept))
        guesses = GUESSES[kept["request_id"]] if body["presence_threshold"] == 0 else {}
        for result in answer["results"]:
            result["features"] += guesses.get(result["phrase"], [])
            result["features"] = [
                feature
                for feature in result["features"]
                if feature["properties"]["score"] >= body["threshold"]
                and feature["properties"]["area_m2"] >= body["min_area_m2"]
            ]
        self.reply(200, answer)

    def segment(self, request: dict) -> None:
        words = " ".join(request["phrases"]).split()
        if any(word in words for word in ("die", "exit", "wait", "close")):
            super().segment(request)
            return
        if "slow" in words:
            time.sleep(1.0)
        if any(len(phrase) > 1000 for phrase in request["phrases"]):
            self.refuse(422, "bad_phrase", "The phrase is too long; use 1,000 characters at most.")
            return
        answer = fake_engine.answer(request)
        for result in answer["results"]:
            nothing = "nothing" in result["phrase"]
            result["presence"] = 0.03 if nothing else 0.97
            result["unknown_words"] = [w for w in result["phrase"].split() if w.startswith("zz")]
            tiff = IMAGES[request["image"]["id"]]
            found = red_polygons(tiff, result["phrase"])
            result["features"] = [] if nothing else found
            if nothing:
                GUESSES.setdefault(request["request_id"], {})[result["phrase"]] = found
        if "warn" in words:
            answer["warnings"] = ["“largest” was judged per window."]
        GUESSES.setdefault(request["request_id"], {})
        SEEN[request["request_id"]] = request["image"]["id"]
        ANSWERS[request["request_id"]] = answer
        self.reply(200, answer)


if __name__ == "__main__":
    fake_engine.Handler = Handler
    fake_engine.main()
