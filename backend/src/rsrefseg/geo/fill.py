"""What a model is shown where a raster has no data: its surroundings, mirrored.

Black ground is unlike anything that a model learnt from, and misleads it about what lies beside.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Further than any border: there is no data on that side.
FAR = np.int32(2**31 - 1)


def fill_mirrored(image: NDArray[np.uint8], valid: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Fill what has no data with what lies as far beyond the nearest border of the data.

    Along rows or columns, whichever is nearer; what has data neither in its row nor in its column
    comes after, from what was filled.

    Args:
        image: H x W x C; it is changed where there is no data.
        valid: H x W, where there is data.

    Returns:
        The image; all zeros if it has no data at all.
    """
    if not valid.any():
        image[:] = 0
        return image
    known = valid
    while not known.all():
        column, across = _mirrored_along(known)
        row, along = _mirrored_along(known.T)
        row, along = row.T, along.T
        by_row = across <= along
        rows, columns = np.arange(known.shape[0])[:, None], np.arange(known.shape[1])[None]
        reached = ~known & (np.minimum(across, along) < FAR)
        from_rows = np.where(by_row, rows, row)[reached]
        from_columns = np.where(by_row, column, columns)[reached]
        image[reached] = image[from_rows, from_columns]
        known = known | reached
    return image


def _mirrored_along(known: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each cell the column of its row that it mirrors, and how far its border is, or FAR."""
    width = known.shape[1]
    here = np.broadcast_to(np.arange(width, dtype=np.int32), known.shape)
    gap = np.zeros((len(known), 1), dtype=np.bool_)
    starts = known & ~np.concatenate([gap, known[:, :-1]], axis=1)
    ends = known & ~np.concatenate([known[:, 1:], gap], axis=1)
    # The run of data to the left ends at `left` and begins at `left_start`; to the right likewise.
    left = np.maximum.accumulate(np.where(ends, here, -1), axis=1)
    left_start = np.maximum.accumulate(np.where(starts, here, -1), axis=1)
    right = _accumulate_back(np.where(starts, here, width))
    right_end = _accumulate_back(np.where(ends, here, width))
    to_left = np.where(left >= 0, here - left, FAR)
    to_right = np.where(right < width, right - here, FAR)
    nearer_left = to_left <= to_right
    first, last = np.where(nearer_left, left_start, right), np.where(nearer_left, left, right_end)
    length = np.maximum(last - first + 1, 1)
    inside = (here - first) % (2 * length)
    return first + np.minimum(inside, 2 * length - 1 - inside), np.minimum(to_left, to_right)


def _accumulate_back(values: NDArray[np.int32]) -> NDArray[np.int32]:
    return np.minimum.accumulate(values[:, ::-1], axis=1)[:, ::-1]
