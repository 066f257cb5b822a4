from __future__ import annotations

import pytest
import torch
from rsrefseg.models.layers import (
    PLAIN_ATTENTION_LIMIT,
    TINY_ATTENTION,
    Attention,
    ConvStem,
    attend,
)
from rsrefseg.models.sam import two_way
from rsrefseg.models.torchvision_compat import ensure_torchvision
from torch.nn import functional


def reference(module, queries, keys, values, key_mask=None):
    """Attention by the book."""
    heads = module.heads

    def split(x):
        return x.unflatten(2, (heads, -1)).transpose(1, 2)

    mask = None if key_mask is None else key_mask[:, None, None, :]
    out = functional.scaled_dot_product_attention(
        split(module.q(queries)), split(module.k(keys)), split(module.v(values)), attn_mask=mask
    )
    return module.out(out.transpose(1, 2).flatten(2))


@pytest.mark.parametrize(("n", "m"), [(50, 3), (3, 50), (7, 7), (1, 1), (200, 260)])
@pytest.mark.parametrize("other_width", [None, 20])
def test_every_path_is_attention(n, m, other_width):
    torch.manual_seed(n * m)
    module = Attention(width=24, inner=32, heads=4, other_width=other_width)
    queries = torch.randn(2, n, 24)
    keys, values = torch.randn(2, 2, m, other_width or 24)
    torch.testing.assert_close(
        module(queries, keys, values), reference(module, queries, keys, values)
    )


def test_sam_s_transformer_gives_the_same_by_the_shorter_way():
    ensure_torchvision()
    from segment_anything.modeling import TwoWayTransformer

    torch.manual_seed(3)
    transformer = TwoWayTransformer(depth=2, embedding_dim=64, num_heads=4, mlp_dim=32)
    image, positions, tokens = (
        torch.randn(2, 64, 9, 7),
        torch.randn(1, 64, 9, 7),
        torch.randn(2, 6, 64),
    )
    wanted, places = two_way(transformer, image, positions, tokens, slice(1, 3))
    all_tokens, all_places = transformer(image, positions, tokens)
    torch.testing.assert_close(wanted, all_tokens[:, 1:3], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(places, all_places, atol=1e-5, rtol=1e-5)


def test_padding_is_not_looked_at():
    torch.manual_seed(0)
    module = Attention(width=24, inner=32, heads=4)
    queries, keys = torch.randn(2, 3, 24), torch.randn(2, 6, 24)
    mask = torch.tensor([[True] * 6, [True] * 2 + [False] * 4])
    out = module(queries, keys, keys, mask)
    torch.testing.assert_close(out, reference(module, queries, keys, keys, mask))
    torch.testing.assert_close(out[1:], module(queries[1:], keys[1:, :2], keys[1:, :2]))


def test_plain_and_fused_agree():
    side = int(PLAIN_ATTENTION_LIMIT**0.5)
    for n in (side, side + 1):
        q, k, v = torch.randn(3, 1, 2, n, 8).unbind(0)
        expected = functional.scaled_dot_product_attention(q, k, v)
        torch.testing.assert_close(attend(q, k, v), expected)


def test_a_handful_of_tokens_gives_the_same_with_and_without_gradients():
    side = int(TINY_ATTENTION**0.5)
    mask = torch.arange(side) < torch.tensor([[side], [2]])
    for n in (side, side + 1):
        q, k, v = torch.randn(3, 2, 2, n, 8).unbind(0)
        k, v = k[:, :, :side], v[:, :, :side]
        for key_mask in (None, mask[:, None, None]):
            learning = attend(q, k, v, key_mask)
            with torch.no_grad():
                torch.testing.assert_close(attend(q, k, v, key_mask), learning)


def test_gradients_reach_every_projection():
    module = Attention(width=24, inner=32, heads=4)
    module(torch.randn(1, 40, 24), *torch.randn(2, 1, 3, 24)).sum().backward()
    grads = [p.grad.abs().sum() > 0 for n, p in module.named_parameters() if n != "k.bias"]
    assert all(grads)


def test_conv_stem_grid():
    assert ConvStem(8, 40)(torch.rand(1, 3, 64, 48)).shape == (1, 40, 8, 6)
    with pytest.raises(ValueError, match="power of 2"):
        ConvStem(12, 40)
