"""Work off the main thread: frozen data in, an outcome out; no layer, no widget."""
