"""Rasters in, polygons out: reading, stretching, windows, mask tracing, GeoPackage. No torch."""
