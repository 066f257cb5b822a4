"""A cache that forgets what was used longest ago when it outgrows its budget of bytes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

import psutil

from rsrefseg.predict.types import CacheInfo

Value = TypeVar("Value")

DEFAULT_SHARE = 0.125
MAX_DEFAULT_BYTES = 4 * 1024**3


def default_budget_bytes(memory_bytes: int | None = None) -> int:
    """An eighth of the memory (the machine's, unless given), 4 GiB at most."""
    total = memory_bytes if memory_bytes is not None else psutil.virtual_memory().total
    return int(min(total * DEFAULT_SHARE, MAX_DEFAULT_BYTES))


class ByteBudgetCache(Generic[Value]):
    """Least recently used goes first. Safe to use from several threads."""

    def __init__(self, budget_bytes: int, max_items: int | None = None) -> None:
        """Start empty.

        Args:
            budget_bytes: the most that the values may take together.
            max_items: the most values, where what surrounds each of them counts too; None for any.
        """
        self._budget = budget_bytes
        self._max_items = max_items
        self._items: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._bytes = 0
        self._hits = 0
        self._misses = 0
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """The value of a key, which counts as used now; None if it is not there."""
        with self._lock:
            item = self._items.get(key)
            if item is None:
                self._misses += 1
                return None
            self._items.move_to_end(key)
            self._hits += 1
            return item[0]

    def put(self, key: Hashable, value: Value, nbytes: int) -> None:
        """Keep a value, unless it alone is over the budget."""
        with self._lock:
            self._drop(key)
            if nbytes > self._budget:
                return
            self._items[key] = (value, nbytes)
            self._bytes += nbytes
            while self._bytes > self._budget or self._too_many():
                self._drop(next(iter(self._items)))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._items.clear()
            self._bytes = 0

    def info(self) -> CacheInfo:
        """How full it is."""
        with self._lock:
            return CacheInfo(len(self._items), self._bytes, self._budget, self._hits, self._misses)

    def _too_many(self) -> bool:
        return self._max_items is not None and len(self._items) > self._max_items

    def _drop(self, key: Hashable) -> None:
        item = self._items.pop(key, None)
        if item is not None:
            self._bytes -= item[1]
