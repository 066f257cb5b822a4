from __future__ import annotations

from rsrefseg.predict.cache import ByteBudgetCache, default_budget_bytes


def test_what_was_unused_longest_goes_first():
    cache: ByteBudgetCache[str] = ByteBudgetCache(100)
    cache.put("a", "A", 40)
    cache.put("b", "B", 40)
    assert cache.get("a") == "A"
    cache.put("c", "C", 40)
    assert cache.get("b") is None
    assert (cache.get("a"), cache.get("c")) == ("A", "C")
    info = cache.info()
    assert (info.images, info.bytes, info.budget_bytes) == (2, 80, 100)
    assert (info.hits, info.misses) == (3, 1)


def test_what_is_over_the_budget_is_not_kept():
    cache: ByteBudgetCache[str] = ByteBudgetCache(100)
    cache.put("a", "A", 60)
    cache.put("b", "B", 101)
    assert cache.get("a") == "A"
    assert cache.get("b") is None


def test_a_key_is_replaced_and_all_can_be_forgotten():
    cache: ByteBudgetCache[str] = ByteBudgetCache(100)
    cache.put("a", "A", 60)
    cache.put("a", "B", 70)
    assert cache.get("a") == "B"
    assert cache.info().bytes == 70
    cache.clear()
    assert cache.info().bytes == 0


def test_the_default_budget_leaves_memory_to_others():
    assert default_budget_bytes(8 * 1024**3) == 1024**3
    assert default_budget_bytes(1024**4) == 4 * 1024**3
    assert default_budget_bytes() > 0


def test_many_small_values_are_too_many():
    cache = ByteBudgetCache(1000, max_items=2)
    for key in "abc":
        cache.put(key, key, 1)
    assert [cache.get(key) for key in "abc"] == [None, "b", "c"]
    assert cache.info().bytes == 2
