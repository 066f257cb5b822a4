from __future__ import annotations

from rsrefseg_qgis.engine.wire import ModelStamp, PhraseResult, SegmentResponse


def test_unknown_words_are_not_told_twice() -> None:
    result = PhraseResult("a zzport", 0.1, 0.2, ("zzport",), ())
    warnings = (
        "The model never learnt 'zzport', so 'a zzport' may be misread: try other words.",
        "“largest” was judged per window.",
    )
    response = SegmentResponse(
        "1", 1, "0.1.0", ModelStamp("m", "p", "0"), None, (result,), 1, 0.3, {}, warnings
    )
    assert response.other_warnings == warnings[1:]
