"""From a map layer to a GeoTIFF for the engine, from its answer to a layer. GDAL is used here."""
