"""Presets: every dimension and option of a model, as validated data read from JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from rsrefseg.errors import ConfigError
from rsrefseg.models.checked import Checked, coerce, divides, odd, one_of, positive

PRESET_DIR = Path(__file__).parent / "presets"


@dataclass(frozen=True)
class ClipConfig(Checked):
    """The two CLIP towers. Image and text share one width, as in SigLIP 2."""

    width: int
    heads: int
    image_size: int
    patch_size: int
    vision_layers: int
    vision_mlp: int
    text_layers: int
    text_mlp: int
    vocab_size: int
    context_length: int
    stem: Literal["patch", "conv"] = "patch"
    local_kernel: int = 0
    tokenizer: Literal["words", "file"] = "file"
    init_logit_scale: float = math.log(10.0)
    init_logit_bias: float = -10.0

    def __post_init__(self) -> None:
        positive(
            "clip", self, "width", "image_size", "patch_size", "vision_layers", "vision_mlp",
            "text_layers", "text_mlp", "vocab_size", "context_length",
        )  # fmt: skip
        divides("clip", "width", self.width, "heads", self.heads)
        if self.image_size < self.patch_size:
            raise ConfigError("'clip.image_size' must be at least 'clip.patch_size'.")
        one_of("clip.stem", self.stem, ("patch", "conv"))
        odd("clip", self, "local_kernel")
        one_of("clip.tokenizer", self.tokenizer, ("words", "file"))

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of image tokens."""
        side = self.image_size // self.patch_size
        return side, side


@dataclass(frozen=True)
class Sam1Config(Checked):
    """SAM 1: a plain ViT with windowed attention, and the two-way mask decoder."""

    d_model: int
    image_size: int
    embed_dim: int
    depth: int
    num_heads: int
    global_attn_indexes: tuple[int, ...]
    window_size: int
    mlp_dim: int
    kind: Literal["sam1"] = "sam1"
    patch_size: int = 16
    use_rel_pos: bool = True
    stem: Literal["patch", "conv"] = "patch"
    local_kernel: int = 0
    finer_maps: bool = False
    mask_in_chans: int = 16
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp: int = 2048
    multimask_outputs: int = 3
    iou_head_depth: int = 3
    iou_head_hidden: int = 256

    def __post_init__(self) -> None:
        positive(
            "sam", self, "d_model", "image_size", "embed_dim", "depth", "mlp_dim", "patch_size",
            "mask_in_chans", "decoder_depth", "decoder_mlp", "iou_head_depth", "iou_head_hidden",
        )  # fmt: skip
        divides("sam", "embed_dim", self.embed_dim, "num_heads", self.num_heads)
        divides("sam", "d_model", self.d_model, "twice the decoder_heads", 2 * self.decoder_heads)
        if self.image_size < self.patch_size:
            raise ConfigError("'sam.image_size' must be at least 'sam.patch_size'.")
        one_of("sam.stem", self.stem, ("patch", "conv"))
        odd("sam", self, "local_kernel")
        if self.finer_maps and (self.stem != "conv" or self.patch_size < 8):
            raise ConfigError(
                "'sam.finer_maps' needs 'sam.stem' \"conv\" and a 'sam.patch_size' of at least 8."
            )
        if any(not 0 <= i < self.depth for i in self.global_attn_indexes):
            raise ConfigError("'sam.global_attn_indexes' must name layers below 'sam.depth'.")

    @property
    def mask_input_px(self) -> int:
        """Side of the dense prompt for a tile of the configured size."""
        return 4 * self.image_size // self.patch_size


@dataclass(frozen=True)
class Sam2Config(Checked):
    """SAM 2.1: a hierarchical (Hiera) trunk, an FPN neck, and the mask decoder.

    The trunk's names are those of the `sam2` package.
    """

    d_model: int
    image_size: int
    embed_dim: int
    num_heads: int
    stages: tuple[int, ...]
    global_att_blocks: tuple[int, ...]
    window_pos_embed_bkg_spatial_size: tuple[int, ...]
    window_spec: tuple[int, ...]
    kind: Literal["sam2"] = "sam2"
    q_pool: int = 3
    fpn_top_down_levels: tuple[int, ...] = (2, 3)
    mask_in_chans: int = 16
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp: int = 2048
    multimask_outputs: int = 3
    iou_head_depth: int = 3
    iou_head_hidden: int = 256
    iou_sigmoid: bool = True
    dynamic_multimask: bool = True
    stability_delta: float = 0.05
    stability_threshold: float = 0.98

    def __post_init__(self) -> None:
        positive("sam", self, "d_model", "image_size", "embed_dim", "num_heads")
        divides("sam", "embed_dim", self.embed_dim, "num_heads", self.num_heads)
        divides("sam", "d_model", self.d_model, "twice the decoder_heads", 2 * self.decoder_heads)
        if len(self.stages) != 4 or min(self.stages) < 1:
            raise ConfigError("'sam.stages' must hold four depths of at least 1.")
        if len(self.window_spec) != 4 or min(self.window_spec) < 1:
            raise ConfigError("'sam.window_spec' must hold four window sizes.")
        # Each stage halves the grid; the first window's positions are tiled over the finest one.
        divides("sam", "image_size", self.image_size, "the coarsest stride", 32)
        finest = self.image_size // 4
        divides("sam", "image_size / 4", finest, "the first of window_spec", self.window_spec[0])
        if len(self.window_pos_embed_bkg_spatial_size) != 2:
            raise ConfigError("'sam.window_pos_embed_bkg_spatial_size' must hold two sizes.")
        pooling = {sum(self.stages[:i]) for i in range(1, 1 + self.q_pool)}
        if any(not 0 <= i < sum(self.stages) or i in pooling for i in self.global_att_blocks):
            raise ConfigError(
                "'sam.global_att_blocks' must name blocks within 'sam.stages', none of them the "
                "first of a stage."
            )

    @property
    def mask_input_px(self) -> int:
        """Side of the dense prompt for a tile of the configured size."""
        return 4 * (self.image_size // 16)


SamConfig = Sam1Config | Sam2Config


@dataclass(frozen=True)
class PrompterConfig(Checked):
    """The cascaded second-order prompter; the options' defaults are the released model."""

    num_text_queries: int
    num_prompts: int
    num_heads: int
    mlp_dim: int
    internal_dim: int
    decomposition_layers: int = 2
    first_order_layers: int = 2
    second_order_layers: int = 2
    image_grid: tuple[int, ...] | None = None
    image_self_attention: bool = False
    dense_prompt_grid: Literal["mask", "tokens"] = "mask"
    dense_norm: Literal["batch", "group"] = "batch"
    presence: bool = False
    dense_hidden: int | None = None
    spatial_maps: int = 0
    spatial_width: int = 128

    def __post_init__(self) -> None:
        positive("prompter", self, "num_text_queries", "num_prompts", "mlp_dim", "internal_dim")
        divides("prompter", "internal_dim", self.internal_dim, "num_heads", self.num_heads)
        one_of("prompter.dense_prompt_grid", self.dense_prompt_grid, ("mask", "tokens"))
        one_of("prompter.dense_norm", self.dense_norm, ("batch", "group"))
        if self.image_grid is not None and len(self.image_grid) != 2:
            raise ConfigError("'prompter.image_grid' must hold rows and columns.")


@dataclass(frozen=True)
class Preset:
    """Everything needed to build a model, and what a user should know about it.

    Attributes:
        name: the preset's name, e.g. `rsrefseg2-tiny`.
        tile_px: side of the square padded tile that the model reads, in pixels.
        min_resolution_m: finest ground resolution that it was trained on, metres per pixel.
        max_resolution_m: coarsest ground resolution that it was trained on.
        default_resolution_m: what to use for large extents.
        compares_outlines: whether phrases that rank or place things are answered by asking for
            the things and comparing their outlines, and not by the network alone.
        parameters: how many weights the model has; 0 where nobody counted.
        extra: top-level notes of the file that are no settings.
    """

    name: str
    clip: ClipConfig
    sam: SamConfig
    prompter: PrompterConfig
    min_resolution_m: float = 0.1
    max_resolution_m: float = 30.0
    default_resolution_m: float = 0.5
    compares_outlines: bool = False
    description: str = ""
    licence: str = ""
    source: str = ""
    parameters: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("A preset needs a name.")
        if not 0 < self.min_resolution_m <= self.default_resolution_m <= self.max_resolution_m:
            raise ConfigError(
                f"The preset '{self.name}' needs 0 < min_resolution_m <= "
                "default_resolution_m <= max_resolution_m."
            )

    @property
    def tile_px(self) -> int:
        """Side of the square padded tile, in pixels."""
        return self.sam.image_size

    def to_json(self) -> dict[str, Any]:
        """The preset as a JSON object that `from_json` reads back."""
        sections = ("clip", "sam", "prompter")
        values = {k: getattr(self, k).to_json() for k in sections}
        plain = {k: v for k, v in vars(self).items() if k not in (*sections, "extra")}
        return {**plain, **values, **self.extra}

    @classmethod
    def from_json(cls, values: Any, name: str | None = None) -> Preset:
        """Builds a preset from a decoded JSON object.

        Args:
            values: the object; `clip`, `sam` and `prompter` are required. Top-level keys that
                are not settings (notes of whoever wrote the file) are kept in `extra`.
            name: the name to use when the object has none.

        Raises:
            ConfigError: something is missing, unknown or inconsistent.
        """
        if not isinstance(values, dict):
            raise ConfigError("A model configuration must be a JSON object.")
        for section in ("clip", "sam", "prompter"):
            if section not in values:
                raise ConfigError(f"The model configuration lacks the section '{section}'.")
        known = {f.name: f for f in dataclasses.fields(cls)}
        plain = {
            k: coerce(k, known[k].type, v)
            for k, v in values.items()
            if k in known and k not in ("clip", "sam", "prompter", "extra")
        }
        plain.setdefault("name", name or "custom")
        return cls(
            clip=ClipConfig.from_json("clip", values["clip"]),
            sam=_sam_from_json(values["sam"]),
            prompter=PrompterConfig.from_json("prompter", values["prompter"]),
            extra={k: v for k, v in values.items() if k not in known and k != "tile_px"},
            **plain,
        )


def _sam_from_json(values: Any) -> SamConfig:
    kind = values.get("kind") if isinstance(values, dict) else None
    if kind == "sam1":
        return Sam1Config.from_json("sam", values)
    if kind == "sam2":
        return Sam2Config.from_json("sam", values)
    raise ConfigError("'sam.kind' must be 'sam1' or 'sam2'.")


def list_presets() -> list[str]:
    """Names of the presets that come with the package, sorted."""
    names = (p.name.removesuffix(".json") for p in PRESET_DIR.glob("*.json"))
    return sorted(n for n in names if "." not in n)


def load_preset(name_or_path: str | Path) -> Preset:
    """Reads a preset by its name, or a configuration from a JSON file.

    Raises:
        ConfigError: there is no such preset or file, or it cannot be built.
    """
    text = str(name_or_path)
    path = PRESET_DIR / f"{text}.json" if text in list_presets() else Path(text)
    if not path.is_file():
        raise ConfigError(
            f"There is no preset or configuration file '{text}'; presets are: "
            f"{', '.join(list_presets())}."
        )
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"'{path}' is not a valid JSON file: {error}.") from error
    return Preset.from_json(values, name=path.stem)
