"""The Segmenter (encode an image once, ask it many phrases) and whole scenes on top of it."""
