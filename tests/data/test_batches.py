"""The order of batches, and loading them with any number of workers."""

from __future__ import annotations

import gc
from pathlib import Path

import av
import pytest

from motionkit.data.batch import Batch
from motionkit.data.pairs import BatchOrder, PairDataset, loader
from motionkit.errors import InputError
from motionkit.training.config import AugmentationConfig, DataConfig
from tests.support.datasets import CHANGED, dataset, same, true_pairs, with_truth


def test_an_epoch_goes_through_everything_once() -> None:
    order = BatchOrder(23, 5, seed=4)
    batches = list(order)
    assert len(batches) == len(order) == order.steps == 4
    assert {place.epoch for batch in batches for place in batch} == {0}
    drawn = [place.number for batch in batches for place in batch]
    assert len(set(drawn)) == 20 and set(drawn) < set(range(23))
    assert list(BatchOrder(23, 5, seed=4)) == batches
    assert list(BatchOrder(23, 5, seed=5)) != batches
    order.set_epoch(1)
    again = list(order)
    assert [[place.number for place in batch] for batch in again] != [[p.number for p in b] for b in batches]
    assert {place.epoch for batch in again for place in batch} == {1}


def test_an_epoch_is_taken_up_in_the_middle() -> None:
    whole = BatchOrder(40, 4, seed=1, epoch=3)
    rest = BatchOrder(40, 4, seed=1, epoch=3, start_step=6)
    assert list(rest) == list(whole)[6:] and len(rest) == 4
    whole.set_epoch(2)
    rest.set_epoch(2)
    assert list(rest) == list(whole) and len(rest) == 10


def test_processes_share_each_batch() -> None:
    whole = list(BatchOrder(50, 6, seed=2))
    parts = [list(BatchOrder(50, 6, seed=2, rank=rank, world=3)) for rank in range(3)]
    for step, batch in enumerate(whole):
        assert [place for part in parts for place in part[step]] == batch


def test_orders_that_cannot_be() -> None:
    with pytest.raises(InputError, match="do not fill a batch; got 3 pairs an epoch; expected at least 4"):
        BatchOrder(3, 4)
    with pytest.raises(InputError, match="got batch size 4; expected a multiple of 3"):
        BatchOrder(30, 4, world=3)


def epochs(data: PairDataset, workers: int, start: int = 0) -> list[Batch]:
    order = BatchOrder(len(data), 4, seed=9)
    batches = loader(data, order, workers=workers)
    found = []
    for epoch in range(2):
        order.set_epoch(epoch, start if epoch == 0 else 0)
        found += list(batches)
    return found


def test_batches_are_the_same_for_any_number_of_workers(folder: Path) -> None:
    data = dataset(folder, CHANGED, data=DataConfig(test_share=0, repeats=3))
    alone = epochs(data, 0)
    assert len(alone) == 6 and len(alone[0]) == 4 and alone[0].source.shape == (4, 3, 32, 32)
    for workers in (1, 2):
        others = epochs(data, workers)
        assert len(others) == 6 and all(map(same, alone, others))
    assert all(map(same, alone[2:], epochs(data, 2, start=2)))
    assert len({int(seed) for batch in alone for seed in batch.seed}) == 24


def test_workers_do_not_wait_for_threads_that_they_do_not_have(folder: Path) -> None:
    """Garbage of decoders with threads, which a worker would otherwise clear away and hang."""

    class Knot:
        def __init__(self) -> None:
            self.me = self
            frames = av.open(str(folder / "bob#1.mp4")).decode(video=0)
            self.frame = next(frames)
            self.frame.reformat(format="rgb24", width=640, height=640)

    data = dataset(folder)
    gc.disable()
    try:
        knots = [Knot() for _ in range(3)]
        del knots
        batches = loader(data, BatchOrder(len(data), 5), workers=1)
        batches.timeout = 300  # seconds; only a hang takes so long
        batches.worker_init_fn = collect_garbage
        assert len(list(batches)) == 1
    finally:
        gc.enable()


def collect_garbage(_: int) -> None:
    gc.collect()


def test_batches_carry_truth(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        with_truth(tmp_path / name, side=32)
    data = true_pairs(tmp_path, AugmentationConfig(resize=(0.9, 1.1)))
    (batch,) = loader(data, BatchOrder(4, 4), workers=1)
    assert batch.truth.source.value.shape == (4, 3, 2) and batch.truth.driving.jacobian.shape == (4, 3, 2, 2)
    assert batch.truth.flow.shape == (4, 24, 24, 2) and batch.truth.visibility.shape == (4, 1, 24, 24)
    assert batch.truth.has_flow.tolist() == [True] * 4


@pytest.mark.filterwarnings("default::motionkit.errors.MotionkitWarning")
def test_workers_tell_of_broken_clips(spoiled: Path) -> None:
    data = dataset(spoiled)
    assert len(list(loader(data, BatchOrder(len(data), 4), workers=2))) == 2
    assert {path.name for path in data.broken} == {"torn.mp4", "void.mp4", "lone"}
