"""Where each of the model's weights stands in a released checkpoint.

The released layout wraps Hugging Face's SigLIP 2 (and SAM 1) and Meta's SAM 2 in PEFT. Each rule
turns a name of ours into the name there; a rule that gives several names means their concatenation
along the first axis (query, key and value are fused on our side). PEFT's own parts of the names
(`base_model.model`, `base_layer`) are dealt with by `released.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rsrefseg.models.config import Preset

_IMAGE = "clip_vision_encoder.model"
_TEXT = "clip_text_encoder.model"
_BACKBONE = "backbone.model"
_QKV = ("q_proj", "k_proj", "v_proj")


@dataclass(frozen=True)
class _Rule:
    """A pattern over our names and the released names that it stands for."""

    pattern: str
    sources: tuple[str, ...]

    def apply(self, name: str) -> tuple[str, ...] | None:
        match = re.fullmatch(self.pattern, name)
        if match is None:
            return None
        return tuple(match.expand(source) for source in self.sources)


def _rules(table: dict[str, str | tuple[str, ...]]) -> list[_Rule]:
    return [_Rule(k, (v,) if isinstance(v, str) else v) for k, v in table.items()]


_CLIP_IMAGE = _rules(
    {
        r"clip_image\.trunk\.patch_embed\.proj\.(.+)": rf"{_IMAGE}.embeddings.patch_embedding.\1",
        r"clip_image\.trunk\.pos_embed": f"{_IMAGE}.embeddings.position_embedding.weight",
        r"clip_image\.trunk\.blocks\.(\d+)\.norm([12])\.(.+)": (
            rf"{_IMAGE}.encoder.layers.\1.layer_norm\2.\3"
        ),
        r"clip_image\.trunk\.blocks\.(\d+)\.attn\.qkv\.(.+)": tuple(
            rf"{_IMAGE}.encoder.layers.\1.self_attn.{part}.\2" for part in _QKV
        ),
        r"clip_image\.trunk\.blocks\.(\d+)\.attn\.proj\.(.+)": (
            rf"{_IMAGE}.encoder.layers.\1.self_attn.out_proj.\2"
        ),
        r"clip_image\.trunk\.blocks\.(\d+)\.mlp\.(fc[12])\.(.+)": (
            rf"{_IMAGE}.encoder.layers.\1.mlp.\2.\3"
        ),
        r"clip_image\.trunk\.norm\.(.+)": rf"{_IMAGE}.post_layernorm.\1",
    }
)

_CLIP_TEXT = _rules(
    {
        r"clip_text\.transformer\.token_embedding\.weight": (
            f"{_TEXT}.embeddings.token_embedding.weight"
        ),
        r"clip_text\.transformer\.positional_embedding": (
            f"{_TEXT}.embeddings.position_embedding.weight"
        ),
        r"clip_text\.transformer\.transformer\.resblocks\.(\d+)\.ln_([12])\.(.+)": (
            rf"{_TEXT}.encoder.layers.\1.layer_norm\2.\3"
        ),
        r"clip_text\.transformer\.transformer\.resblocks\.(\d+)\.attn\.in_proj_(.+)": tuple(
            rf"{_TEXT}.encoder.layers.\1.self_attn.{part}.\2" for part in _QKV
        ),
        r"clip_text\.transformer\.transformer\.resblocks\.(\d+)\.attn\.out_proj\.(.+)": (
            rf"{_TEXT}.encoder.layers.\1.self_attn.out_proj.\2"
        ),
        r"clip_text\.transformer\.transformer\.resblocks\.(\d+)\.mlp\.c_fc\.(.+)": (
            rf"{_TEXT}.encoder.layers.\1.mlp.fc1.\2"
        ),
        r"clip_text\.transformer\.transformer\.resblocks\.(\d+)\.mlp\.c_proj\.(.+)": (
            rf"{_TEXT}.encoder.layers.\1.mlp.fc2.\2"
        ),
        r"clip_text\.transformer\.ln_final\.(.+)": rf"{_TEXT}.final_layer_norm.\1",
        r"clip_text\.transformer\.text_projection\.(.+)": rf"{_TEXT}.head.\1",
        r"prompter\.dense\.logit_(scale|bias)": r"clip_text_encoder.logit_\1",
    }
)


def _steps(ours: str, theirs: str, steps: dict[str, str]) -> dict[str, str | tuple[str, ...]]:
    """Rules of one prompter layer: our step -> attention or MLP there, and its norm there."""
    table: dict[str, str | tuple[str, ...]] = {}
    for step, names in steps.items():
        what, norm = names.split()
        prefix = rf"prompter\.{ours}\.(\d+)\.{step}"
        table[rf"{prefix}\.norm\.(.+)"] = rf"prompter.{theirs}.\1.{norm}.\2"
        if what.startswith("mlp"):
            table[rf"{prefix}\.first\.(.+)"] = rf"prompter.{theirs}.\1.{what}.layers.0.\2"
            table[rf"{prefix}\.second\.(.+)"] = rf"prompter.{theirs}.\1.{what}.layers.1.\2"
        else:
            table[rf"{prefix}\.attention\.(q|k|v|out)\.(.+)"] = (
                rf"prompter.{theirs}.\1.{what}.\2_proj.\3"
            )
    return table


_DECOMPOSITION = {
    "self1": "self_attn_query_query1 norm_query1_1",
    "self2": "self_attn_query_query2 norm_query2_1",
    "text1": "cross_attn_query_text_query1_text norm_query1_2",
    "text1_mlp": "mlp_query1_2 norm_query1_3",
    "text2": "cross_attn_query_text_query2_text norm_query2_2",
    "text2_mlp": "mlp_query2_2 norm_query2_3",
    "cross1": "cross_attn_query_query_query1_query2 norm_query1_4",
    "cross1_mlp": "mlp_query1_3 norm_query1_5",
    "cross2": "cross_attn_query_query_query2_query1 norm_query2_4",
    "cross2_mlp": "mlp_query2_3 norm_query2_5",
}
_FIRST_ORDER = {
    "text_self": "self_attn_text_text_1 norm_text_1",
    "image_text": "cross_attn_img_text_1 norm_img_1",
    "image_mlp": "mlp_img_1 norm_img_2",
}
_SECOND_ORDER = {
    "text_self": "self_attn_text_1 norm_text_1",
    "image_text": "cross_attn_img_text_1 norm_img_1",
    "image_mlp": "mlp_img_1 norm_img_2",
    "prompt_self": "self_attn_prompt_1 norm_prompt_1",
    "prompt_text": "cross_attn_prompt_text_1 norm_prompt_2",
    "prompt_text_mlp": "mlp_prompt_2 norm_prompt_3",
    "prompt_image": "cross_attn_prompt_img_1 norm_prompt_4",
    "prompt_image_mlp": "mlp_prompt_3 norm_prompt_5",
}

_PROMPTER = _rules(
    {
        r"prompter\.query_pe([12])": r"prompter.text_query_pe_embedding\1",
        r"prompter\.image_pe": "prompter.img_pe",
        r"prompter\.prompt_pe": "prompter.prompt_pe_embedding",
        r"prompter\.prompts": "prompter.prompt_embedding",
        r"prompter\.sparse_first\.(.+)": r"prompter.sparse_prompt_mlp.layers.0.\1",
        r"prompter\.sparse_second\.(.+)": r"prompter.sparse_prompt_mlp.layers.1.\1",
        r"prompter\.dense\.conv\.(.+)": r"prompter.dense_prompt_conv.\1",
        **_steps("decomposition", "two_queries_text_attn_layers", _DECOMPOSITION),
        **_steps("first_order", "queries1_to_img_attn_layers", _FIRST_ORDER),
        **_steps("second_order", "prompt_queries2_img_attn_layers", _SECOND_ORDER),
    }
)

_SAM2 = _rules(
    {
        r"sam_encoder\.((?:trunk|neck)\..+)": rf"{_BACKBONE}.image_encoder.\1",
        r"sam_encoder\.no_memory": f"{_BACKBONE}.no_mem_embed",
        r"sam_encoder\.project_fine\.(.+)": rf"{_BACKBONE}.sam_mask_decoder.conv_s0.\1",
        r"sam_encoder\.project_middle\.(.+)": rf"{_BACKBONE}.sam_mask_decoder.conv_s1.\1",
        r"sam_decoder\.prompts\.encoder\.(.+)": rf"{_BACKBONE}.sam_prompt_encoder.\1",
        r"sam_decoder\.masks\.(.+)": rf"{_BACKBONE}.sam_mask_decoder.\1",
    }
)

_DECODER1 = rf"{_BACKBONE}.mask_decoder"
_PROMPTS1 = rf"{_BACKBONE}.prompt_encoder"
_VIT = rf"{_BACKBONE}.vision_encoder"
_MASK_EMBED = {"0": "conv1", "1": "layer_norm1", "3": "conv2", "4": "layer_norm2", "6": "conv3"}
_UPSCALING = {"0": "upscale_conv1", "1": "upscale_layer_norm", "3": "upscale_conv2"}
_NECK = {"0": "conv1", "1": "layer_norm1", "2": "conv2", "3": "layer_norm2"}

_SAM1: dict[str, str | tuple[str, ...]] = {
    r"sam_encoder\.vit\.pos_embed": f"{_VIT}.pos_embed",
    r"sam_encoder\.vit\.patch_embed\.proj\.(.+)": rf"{_VIT}.patch_embed.projection.\1",
    r"sam_encoder\.vit\.blocks\.(\d+)\.norm([12])\.(.+)": rf"{_VIT}.layers.\1.layer_norm\2.\3",
    r"sam_encoder\.vit\.blocks\.(\d+)\.((?:attn|mlp)\..+)": rf"{_VIT}.layers.\1.\2",
    r"sam_decoder\.prompts\.encoder\.pe_layer\.positional_encoding_gaussian_matrix": (
        f"{_PROMPTS1}.shared_embedding.positional_embedding"
    ),
    r"sam_decoder\.prompts\.encoder\.point_embeddings\.(\d)\.weight": (
        rf"{_PROMPTS1}.point_embed.\1.weight"
    ),
    r"sam_decoder\.prompts\.encoder\.(not_a_point_embed|no_mask_embed)\.weight": (
        rf"{_PROMPTS1}.\1.weight"
    ),
    r"sam_decoder\.masks\.(iou_token|mask_tokens)\.weight": rf"{_DECODER1}.\1.weight",
    r"sam_decoder\.masks\.transformer\.norm_final_attn\.(.+)": (
        rf"{_DECODER1}.transformer.layer_norm_final_attn.\1"
    ),
    r"sam_decoder\.masks\.transformer\.layers\.(\d+)\.norm(\d)\.(.+)": (
        rf"{_DECODER1}.transformer.layers.\1.layer_norm\2.\3"
    ),
    r"sam_decoder\.masks\.(transformer\..+)": rf"{_DECODER1}.\1",
    **{
        rf"sam_decoder\.prompts\.encoder\.mask_downscaling\.{ours}\.(.+)": (
            rf"{_PROMPTS1}.mask_embed.{theirs}.\1"
        )
        for ours, theirs in _MASK_EMBED.items()
    },
    **{
        rf"sam_decoder\.masks\.output_upscaling\.{ours}\.(.+)": rf"{_DECODER1}.{theirs}.\1"
        for ours, theirs in _UPSCALING.items()
    },
    **{
        rf"sam_encoder\.vit\.neck\.{ours}\.(.+)": rf"{_VIT}.neck.{theirs}.\1"
        for ours, theirs in _NECK.items()
    },
}


def _sam1_mlps(ours: str, depth: int) -> dict[str, str | tuple[str, ...]]:
    """Hugging Face names an MLP's first and last layer, and counts those between from 0."""
    theirs = ["proj_in", *(f"layers.{i}" for i in range(depth - 2)), "proj_out"]
    return {
        rf"sam_decoder\.masks\.({ours})\.layers\.{i}\.(.+)": rf"{_DECODER1}.\1.{name}.\2"
        for i, name in enumerate(theirs)
    }


_HEAD = r"clip_vision_encoder\.model\.head"
_SAM = r"backbone\.model"
# What a released checkpoint may hold though no answer depends on it: SigLIP's pooling head, what
# only training uses, and SAM 2's video memory.
_UNUSED = re.compile(
    rf"{_HEAD}\.probe|{_HEAD}\.attention\.(in_proj_|out_proj\.)(weight|bias)"
    rf"|{_HEAD}\.(layernorm|mlp\.fc[12])\.(weight|bias)"
    r"|clip_(vision|text)_encoder\.model\.embeddings\.position_ids"
    r"|decode_head\.logit_(scale|bias)[12]|data_preprocessor\.(mean|std)"
    rf"|{_SAM}\.(memory_attention|memory_encoder|obj_ptr_proj|obj_ptr_tpos_proj|mask_downsample)\..+"
    rf"|{_SAM}\.(maskmem_tpos_enc|no_mem_pos_enc|no_obj_ptr|no_obj_embed_spatial)"
)
# SAM 1 under Hugging Face's names stores its position frequencies twice.
_TWINS = (
    f"{_BACKBONE}.shared_image_embedding.positional_embedding",
    f"{_PROMPTS1}.shared_embedding.positional_embedding",
)
# The modules that PEFT wraps when LoRA is on them.
WRAPPED = (
    "clip_vision_encoder",
    "clip_text_encoder",
    f"{_BACKBONE}.image_encoder",
    f"{_BACKBONE}.vision_encoder",
)


def is_unused(name: str) -> bool:
    """Whether a released weight may be there but is not needed."""
    return _UNUSED.fullmatch(name) is not None


class NameMap:
    """Our names to released names, for one preset.

    Attributes:
        twins: released names that hold one and the same weight.
    """

    def __init__(self, preset: Preset) -> None:
        if preset.sam.kind == "sam1":
            sam = _rules(
                {
                    **_SAM1,
                    **_sam1_mlps(r"output_hypernetworks_mlps\.\d+", 3),
                    **_sam1_mlps("iou_prediction_head", preset.sam.iou_head_depth),
                }
            )
        else:
            sam = _SAM2
        self.twins: tuple[str, ...] = _TWINS if preset.sam.kind == "sam1" else ()
        self._rules = [*_CLIP_IMAGE, *_CLIP_TEXT, *_PROMPTER, *sam]

    def sources(self, name: str) -> tuple[str, ...]:
        """The released names whose concatenation is our weight `name`; empty if there is none."""
        for rule in self._rules:
            found = rule.apply(name)
            if found is not None:
                return found
        return ()
