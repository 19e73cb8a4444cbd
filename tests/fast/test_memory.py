"""How many frames are made at once, and what happens where they do not fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from motionkit.animation.moments import animate
from motionkit.config import AnimateOptions
from motionkit.errors import OutOfMemoryError
from motionkit.fast.memory import fitting_batch
from motionkit.model import Model
from motionkit.structures import Generated, Keypoints
from tests.support.animations import close, drifting_noise, every
from tests.support.networks import seeded_model, tiny_config, tiny_model


@pytest.fixture(scope="module")
def clip() -> np.ndarray:
    return drifting_noise()


@pytest.mark.parametrize(
    ("each", "free", "expected"), [(100, 0, 1), (100, 399, 1), (100, 400, 2), (100, 900, 4), (100, 10**9, 16)]
)
def test_a_batch_fits_into_half_of_the_free_memory(each: int, free: int, expected: int) -> None:
    assert fitting_batch(each, free) == expected


class Cramped(Model):
    """A device on which only batches up to `fits` fit."""

    fits = 0
    calls: list[int]

    def _generate(self, encoded, source_keypoints, driving_keypoints) -> Generated:  # type: ignore[no-untyped-def]
        self.calls.append(len(driving_keypoints))
        if len(driving_keypoints) > self.fits:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return super()._generate(encoded, source_keypoints, driving_keypoints)


def cramped(fits: int) -> Cramped:
    model = Cramped(seeded_model(tiny_config()), device="cpu")
    model.fits, model.calls = fits, []
    return model


def test_out_of_memory_halves_the_batch_once(clip: np.ndarray) -> None:
    narrow, model = cramped(2), tiny_model()
    options = AnimateOptions(batch_size=4)
    for source, calls in ((clip[0], [4, 2, 2, 2, 1]), (clip[:2], [2, 2, 2, 1])):
        narrow.calls.clear()
        assert close(
            every(animate(source, clip, model=narrow, options=options)),
            every(animate(source, clip, model=model, options=options)),
        )
        assert narrow.calls == calls  # what did not fit is not tried again
    narrow.calls.clear()
    every(animate(clip[0], clip, model=narrow, options=options.replace(batch_size=2)))
    assert max(narrow.calls) == 2  # smaller batches are made whole


@pytest.mark.parametrize(
    ("fits", "batch", "tried"), [(0, 1, "1 frames"), (0, 4, "4 frames, then 2"), (2, 7, "7 frames, then 4")]
)
def test_out_of_memory_for_good_is_a_clear_error(clip: np.ndarray, fits: int, batch: int, tried: str) -> None:
    model = cramped(fits)
    with pytest.raises(
        OutOfMemoryError, match=rf"cpu has too little memory; got a batch of {tried}\. Set batch_size=1"
    ):
        next(animate(clip[0], clip, model=model, options=AnimateOptions(batch_size=batch)))
    assert len(model.calls) <= 2


def test_out_of_memory_while_detecting_is_a_clear_error(clip: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()

    def full(images: torch.Tensor) -> Keypoints:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(model.fast, "detect", full)
    with pytest.raises(OutOfMemoryError, match="cpu has too little memory"):
        next(animate(clip[0], clip, model=model))


def test_other_errors_of_the_device_are_not_hidden(clip: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model()

    def broken(*_: object) -> Generated:
        raise RuntimeError("a bug")

    monkeypatch.setattr(model.fast, "generate", broken)
    with pytest.raises(RuntimeError, match=r"^a bug$"):
        next(animate(clip[0], clip, model=model))
