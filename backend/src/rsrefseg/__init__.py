"""RSRefSeg: a phrase and an overhead image in, georeferenced polygons out.

Importing this package loads no torch; the sub-packages that need it do.
"""

from rsrefseg._version import __version__

__all__ = ["__version__"]
