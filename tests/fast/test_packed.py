"""Packed convolutions against the convolutions themselves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from motionkit.fast import packed
from motionkit.fast.packed import PackedConv, can_pack, pack

CONVS = [
    nn.Conv2d(6, 10, 3, padding=1),
    nn.Conv2d(6, 10, (1, 7), padding=(0, 3), bias=False),
    nn.Conv2d(6, 10, 3, stride=2, dilation=2),
    nn.Conv2d(6, 9, 5, groups=3),
    nn.ConvTranspose2d(6, 10, 4, stride=2, padding=1),
]

needs_packing = pytest.mark.skipif(
    not can_pack(nn.Conv2d(1, 1, 1)), reason="this PyTorch does not pack weights on this processor"
)


@needs_packing
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("conv", CONVS, ids=str)
@torch.inference_mode()
def test_it_is_the_convolution_at_any_size_and_batch(conv: nn.Conv2d | nn.ConvTranspose2d, relu: bool) -> None:
    rng = torch.Generator().manual_seed(0)
    with torch.inference_mode(False):
        same = type(conv)(*_arguments(conv), bias=conv.bias is not None)
    same.load_state_dict(conv.state_dict())
    form = PackedConv(same, relu=relu)
    for shape in ((1, 6, 12, 12), (3, 6, 9, 14)):
        x = torch.randn(shape, generator=rng).contiguous(memory_format=torch.channels_last)
        expected = conv(x).relu() if relu else conv(x)
        found = form(x)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
        assert found.is_contiguous(memory_format=torch.channels_last)


def _arguments(conv: nn.Conv2d | nn.ConvTranspose2d) -> list[object]:
    between = [conv.output_padding] if isinstance(conv, nn.ConvTranspose2d) else []
    tail = [conv.groups] if between else [conv.dilation, conv.groups]
    return [conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, conv.padding, *between, *tail]


@needs_packing
@torch.inference_mode()
def test_what_follows_in_a_sequence_is_kept_and_relus_are_taken_in() -> None:
    torch.manual_seed(0)
    plain = nn.Sequential(
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)),
        nn.ModuleList([nn.Conv2d(4, 4, 1)])[0],
        nn.Upsample(scale_factor=2),
        nn.ReLU(),
    )
    x = torch.randn(2, 3, 8, 8)
    expected = plain(x)
    quick = pack(plain)
    assert [type(part).__name__ for part in quick.modules() if not list(part.children())] == [
        *("ReLU", "Conv2d", "AvgPool2d", "Conv2d", "Upsample", "ReLU")
    ]
    assert [part.relu for part in quick.modules() if isinstance(part, PackedConv)] == [True, False]
    torch.testing.assert_close(quick(x), expected)


@needs_packing
def test_weights_are_not_kept_twice() -> None:
    form = PackedConv(nn.Conv2d(8, 8, 3).requires_grad_(False))
    with torch.inference_mode():
        form(torch.rand(1, 8, 6, 6))
    assert form.conv.weight.numel() == 0


def test_without_pytorchs_functions_nothing_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> torch.Tensor:
        raise AttributeError("no such function")

    packed._works.cache_clear()
    monkeypatch.setattr(packed, "_ordered", missing)
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    assert [type(part) for part in pack(plain)] == [nn.Conv2d, nn.ReLU]
    packed._works.cache_clear()


def test_a_function_that_gives_something_else_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    packed._works.cache_clear()
    monkeypatch.setattr(packed, "_convolve", lambda conv, x, *_, **__: conv(x))  # without the ReLU
    assert not can_pack(nn.Conv2d(3, 4, 3))
    packed._works.cache_clear()


def test_it_is_for_cpus_alone() -> None:
    assert not can_pack(nn.Conv2d(3, 4, 3, device="meta")) and not can_pack(nn.ReLU())
    assert not can_pack(nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"))
