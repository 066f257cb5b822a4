"""What the engine says in English, in the user's language where the plugin knows the sentence."""

from __future__ import annotations

from rsrefseg_qgis.errors import tr

# Of what, and the engine's sentence; a test holds them to the engine's source.
SENTENCES = (
    ("device", "An NVIDIA or AMD GPU is available to torch."),
    ("device", "Apple's GPU is available to torch."),
    ("device", "The installed torch is a build for the CPU, so no GPU is looked for."),
    ("device", "Torch finds no GPU: either there is none, or its driver does not fit this torch."),
    ("device", "It was asked for."),
    ("progress", "Looking at the extent."),
    ("progress", "Drawing the polygons."),
    ("progress", "Done."),
)


def in_users_language(sentence: str) -> str:
    """A sentence of the engine, translated; what is not known stays as it is, as does its end."""
    for _, known in SENTENCES:
        begin = known.rstrip(".")
        if sentence.startswith(begin):
            return tr(known).rstrip(".") + sentence[len(begin) :]
    return sentence
