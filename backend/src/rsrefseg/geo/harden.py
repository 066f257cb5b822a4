"""Keeping GDAL away from the network and from formats that point elsewhere, in a whole process."""

from __future__ import annotations

import os

# Formats that hold their pixels themselves: none that names other files or the network.
PLAIN_FORMATS = (
    "GTiff", "PNG", "JPEG", "JP2OpenJPEG", "JP2KAK", "JP2ECW", "JP2MrSID", "ECW", "MrSID", "ENVI",
    "HFA", "EHdr", "NITF", "BMP", "GIF", "WEBP", "AAIGrid", "SRTMHGT", "GPKG", "MBTiles",
)  # fmt: skip
# Formats that are lists of, or links to, something else. A raster of a plain format may name one
# of these as its overview; then there must be nobody who opens it.
_POINTING_FORMATS = (
    "VRT", "GTI", "DERIVED", "MRF", "TIL", "STACTA", "STACIT", "PLMOSAIC", "HTTP", "WMS", "WMTS",
    "WCS", "DAAS", "EEDA", "EEDAI", "ERS", "PCIDSK", "PAux", "ISIS3", "PDS", "PDS4", "VICAR",
    "ROI_PAC", "RPFTOC", "ECRGTOC", "SENTINEL2", "SAFE", "DIMAP", "KMLSUPEROVERLAY", "Rasterlite",
    "SQLite", "Zarr", "netCDF", "HDF5", "HDF5Image", "GeoJSON", "ESRIJSON", "TopoJSON",
    "GeoJSONSeq", "OSM", "GNMFile", "GNMDatabase",
)  # fmt: skip
_SETTINGS = {
    "GDAL_SKIP": ",".join(_POINTING_FORMATS),
    # A name that no URL has: every network file system of GDAL asks this before it connects.
    "CPL_VSIL_CURL_ALLOWED_FILENAME": "/vsicurl/nothing-is-allowed",
    "PROJ_NETWORK": "OFF",
    "GDAL_VRT_ENABLE_PYTHON": "NO",
    # Decoded blocks of all rasters together, in megabytes.
    "GDAL_CACHEMAX": "256",
}


def only_plain_files() -> None:
    """Make this process's rasters plain local files; call it before any raster is opened.

    A raster may name another one (as its overview, its mask, its source). Without drivers for
    virtual and remote formats, and with the network's file systems refusing everything, such a
    name leads nowhere.
    """
    os.environ.update(_SETTINGS)
