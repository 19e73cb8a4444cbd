"""Winograd's form against the convolution itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from motionkit.fast import winograd
from motionkit.fast.winograd import WinogradConv, pays


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 8, 16, 16), (3, 8, 12, 20), (2, 8, 7, 5), (1, 8, 1, 1), (1, 8, 2, 30)])
def test_it_is_the_convolution(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 12, 3, padding=1, bias=bias).requires_grad_(False)
    x = torch.randn(shape)
    for form in (x, x.to(memory_format=torch.channels_last)):
        found = WinogradConv(conv)(form)
        torch.testing.assert_close(found, conv(x), atol=2e-5, rtol=0)
        assert found.is_contiguous(memory_format=torch.channels_last) or shape[2:] == (1, 1) or shape[2] % 4


def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    conv, x = nn.Conv2d(8, 8, 3, padding=1).requires_grad_(False), torch.randn(2, 8, 24, 24)
    whole = WinogradConv(conv)(x)
    monkeypatch.setattr(winograd, "WORKSPACE", 36 * 4 * 6 * 8 * 2 + 1)  # two rows of tiles
    torch.testing.assert_close(WinogradConv(conv)(x), whole, atol=1e-6, rtol=0)


def test_wide_layers_keep_four_digits() -> None:
    torch.manual_seed(2)
    conv, x = nn.Conv2d(256, 256, 3, padding=1).requires_grad_(False), torch.randn(1, 256, 16, 16)
    exact = nn.functional.conv2d(x.double(), conv.weight.double(), conv.bias.double(), padding=1)  # type: ignore[union-attr]
    error = (WinogradConv(conv)(x) - exact).abs().max()
    assert 0 < error < 1e-4 * exact.abs().max()


def test_it_is_used_where_it_pays() -> None:
    wide = {"in_channels": 128, "out_channels": 128, "kernel_size": 3, "padding": 1}
    assert pays(nn.Conv2d(**wide))  # type: ignore[arg-type]
    for change in ({"out_channels": 64}, {"kernel_size": 5}, {"padding": 0}, {"stride": 2}, {"groups": 2}):
        assert not pays(nn.Conv2d(**wide | change))  # type: ignore[arg-type]
    assert not pays(nn.Conv2d(**wide).bfloat16())  # type: ignore[arg-type]
    assert not pays(nn.ReLU())
