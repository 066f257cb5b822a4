"""Encoded phrases, kept for the next time that they are asked."""

from __future__ import annotations

from collections.abc import Sequence

from rsrefseg.models.features import TextFeatures
from rsrefseg.models.rsrefseg2 import RSRefSeg2
from rsrefseg.predict.cache import ByteBudgetCache
from rsrefseg.predict.tensors import stack_text


def text_features(
    model: RSRefSeg2, cache: ByteBudgetCache[TextFeatures], phrases: Sequence[str]
) -> TextFeatures:
    """Features of phrases as one batch, from the cache as far as it goes.

    Args:
        model: encodes those that are not in the cache.
        cache: gets them.
        phrases: tidy phrases.
    """
    known = {phrase: cache.get(phrase) for phrase in phrases}
    fresh = [phrase for phrase, features in known.items() if features is None]
    if fresh:
        ids, lengths = model.words.batch(fresh)
        encoded = model.encode_text(ids.to(model.device), lengths.to(model.device))
        for i, phrase in enumerate(fresh):
            length = int(lengths[i])
            one = TextFeatures(
                encoded.tokens[i : i + 1, :length].clone(),
                encoded.pooled[i : i + 1].clone(),
                encoded.mask[i : i + 1, :length].clone(),
            )
            known[phrase] = one
            cache.put(phrase, one, one.tokens.nbytes + one.pooled.nbytes + one.mask.nbytes)
    return stack_text([features for p in phrases if (features := known[p]) is not None])
