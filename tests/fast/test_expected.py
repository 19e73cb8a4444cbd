"""Expectations of a convolution's outputs, against the outputs themselves."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from motionkit.fast.expected import ExpectedConv, pays


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("channels_last", [True, False])
def test_it_is_the_expectation_of_the_outputs(bias: bool, channels_last: bool) -> None:
    conv = nn.Conv2d(5, 12, (3, 7), bias=bias)
    x = torch.randn(2, 5, 11, 13)
    x = x.contiguous(memory_format=torch.channels_last) if channels_last else x
    with torch.no_grad():
        outputs = conv(x)  # 2 12 9 7
        probability = torch.randn(2, 3, 9 * 7).softmax(2)
        found = ExpectedConv(conv, 3)(x, probability)
        expected = torch.stack([  # one sum after another
            torch.stack([(outputs[b, 4 * k + n].flatten() * probability[b, k]).sum() for n in range(4)])
            for b in range(2) for k in range(3)
        ]).view(2, 3, 4)  # fmt: skip
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_it_is_used_where_it_pays() -> None:
    assert pays(nn.Conv2d(5, 40, 7), 10)
    assert not pays(None, 10)
    assert not pays(nn.Conv2d(5, 4, 7), 10), "one map for all keypoints is little work"
    assert not pays(nn.Conv2d(5, 40, 7, padding=3), 10)
    assert not pays(nn.Conv2d(5, 40, 7).bfloat16(), 10)
