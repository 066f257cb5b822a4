"""Results in sentences."""

from __future__ import annotations

from collections.abc import Iterable

from qgis.PyQt.QtCore import QLocale

from rsrefseg_qgis.errors import quoted, tr

from .segment import PhraseAnswer

HECTARE_M2 = 10_000.0
KM2_M2 = 1_000_000.0
EVEN = 0.5


def area_text(area_m2: float) -> str:
    """An area with a unit that suits it."""
    locale = QLocale()
    if area_m2 >= KM2_M2:
        return locale.toString(area_m2 / KM2_M2, "f", 2) + " km²"
    if area_m2 >= 10 * HECTARE_M2:
        return locale.toString(area_m2 / HECTARE_M2, "f", 1) + " ha"
    return locale.toString(area_m2, "f", 0 if area_m2 >= 100 else 1) + " m²"


def found_text(answer: PhraseAnswer) -> str:
    """How many, how much and how sure, for a phrase with a match."""
    count = len(answer.features)
    areas = [feature["area_m2"] for feature in answer.features]
    parts = [tr("1 polygon") if count == 1 else tr("{count} polygons").format(count=count)]
    if areas and all(isinstance(area, float) for area in areas):
        parts.append(area_text(sum(areas)))
    best = max((feature["score"] for feature in answer.features), default=answer.record.score)
    parts.append(tr("score {score}").format(score=QLocale().toString(best, "f", 2)))
    if answer.left_out:
        parts.append(tr("{count} left out").format(count=answer.left_out))
    text = tr("“{phrase}”: {what}").format(phrase=answer.record.phrase, what=" · ".join(parts))
    return tr("Best guess for {text}").format(text=text) if answer.record.guess else text


def nothing_text(answer: PhraseAnswer) -> str:
    """That nothing matches, and why that may be."""
    if answer.left_out:
        return tr("None of {count} polygons for “{phrase}” lies as asked to “{layer}”.").format(
            count=answer.left_out,
            phrase=answer.record.phrase,
            layer=answer.record.related_name,
        )
    presence = answer.record.presence
    if presence is None:
        return tr("Nothing here matches “{phrase}”.").format(phrase=answer.record.phrase)
    # the model may ask for more than one chance in two
    text = (
        tr("Nothing here matches “{phrase}” well enough (likelihood of a match: {percent}%).")
        if presence >= EVEN
        else tr("Nothing here matches “{phrase}” (likelihood of a match: {percent}%).")
    )
    return text.format(phrase=answer.record.phrase, percent=round(100 * presence))


def unknown_text(words: tuple[str, ...]) -> str:
    """Which words the model does not know."""
    named = ", ".join(quoted(word) for word in words)
    if len(words) == 1:
        return tr("{word} is not in this model's vocabulary.").format(word=named)
    return tr("{words} are not in this model's vocabulary.").format(words=named)


def phrases_text(phrases: Iterable[PhraseAnswer]) -> str:
    """A line per phrase."""
    lines = []
    for item in phrases:
        lines.append(found_text(item) if item.features else nothing_text(item))
        if item.unknown_words:
            lines.append(unknown_text(item.unknown_words))
    return "\n".join(lines)
