"""Pairs of frames for training: two moments of one clip, the same for the same seed, epoch and place in it.

Legend: B batch, S side of the pictures.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from motionkit.config import ModelConfig
from motionkit.data.augmentation import AffineChange, Augmentation, move_truth
from motionkit.data.batch import Batch, Truth
from motionkit.data.clips import BrokenClipError, ClipFile, ClipFrames
from motionkit.data.config import AugmentationConfig, DataConfig
from motionkit.data.truth import PARTS, TruthFile
from motionkit.data.workers import begin_worker, clean_start, heard, worker_context
from motionkit.errors import InputError, MotionkitWarning
from motionkit.structures import Keypoints

__all__ = ["BatchOrder", "PairDataset", "Place", "collate", "loader"]

MAX_PAIRS = 10**8  # of an epoch, whose order is held in memory
_OPEN_CLIPS = 4096  # whose length and place each process remembers


class Place(NamedTuple):
    """Which pair of which epoch: everything random about it follows from this and the data set's seed.

    Attributes:
        epoch: From 0.
        number: Of the pair in it, from 0.
    """

    epoch: int
    number: int


class PairDataset(Dataset[Batch]):
    """Pairs of distinct frames of one clip, augmented; a batch of one each.

    A clip whose truth is asked for gives its first frame as the source, which is where the stored flow leads. A clip
    that cannot be read is named in a warning, and another one takes its place; which one depends on the place alone.

    Args:
        clips: From ``find_clips``.
        model: Its ``size`` and ``keypoint_names`` are used.
        data: Size, grouping by identity, repeats; None is the defaults.
        augmentation: What is changed at random; None is the defaults.
        seed: Of every draw.
        train: Whether to augment, and to draw anew in each epoch; tests see the same pairs always, as they are.
        cache: Folder for decoded frames, used if ``data.cache``.
        truth: Parts of the truth that are asked for (``LossConfig.truth``); without any, truth files are left alone.

    Raises:
        InputError: There are no clips; or truth is asked for and only some carry it, it does not fit the model, or a
            part is missing: Jacobians in any clip, flow and visibility in all of them.
    """

    def __init__(
        self,
        clips: Sequence[ClipFile],
        model: ModelConfig,
        data: DataConfig | None = None,
        augmentation: AugmentationConfig | None = None,
        *,
        seed: int = 0,
        train: bool = True,
        cache: str | Path | None = None,
        truth: Collection[str] = PARTS,
    ) -> None:
        data, augmentation = data or DataConfig(), augmentation or AugmentationConfig()
        if not clips:
            raise InputError("There are no clips to draw pairs from", todo="Check the training folder")
        if data.cache and cache is None:
            raise InputError("Decoded frames are to be kept, but no folder for them is given")
        self._clips = tuple(clips)
        self._size = data.size or model.size
        self._names = model.keypoint_names
        self._cache = Path(cache) if data.cache and cache is not None else None
        self._seed, self._train = seed, train
        self._truth = self._check_truth(truth) if truth else frozenset()
        self._augment = Augmentation(augmentation, self._names if self._truth else ()) if train else None
        if data.id_sampling:
            groups: dict[str, list[int]] = {}
            for number, clip in enumerate(self._clips):
                groups.setdefault(clip.identity, []).append(number)
            self._groups = list(groups.values())
        else:
            self._groups = [[number] for number in range(len(self._clips))]
        self._length = len(self._groups) * data.repeats
        if self._length > MAX_PAIRS:
            raise InputError("An epoch has too many pairs", got=self._length, expected=f"at most {MAX_PAIRS}")
        # Shared with the worker processes, which are the ones to find out.
        self._state = torch.zeros(len(self._clips), dtype=torch.uint8).share_memory_()

    def __len__(self) -> int:
        return self._length

    @property
    def broken(self) -> tuple[Path, ...]:
        """Clips that could not be read, or not wholly, as far as they were met."""
        return tuple(self._clips[number].path for number in self._state.nonzero().flatten().tolist())

    def __getitem__(self, place: Place | tuple[int, int] | int) -> Batch:
        """Read the pair at a place; a bare number is one of the first epoch.

        Raises:
            InputError: No clip can be read.
            IndexError: The data set has no such pair.
        """
        epoch, index = (0, place) if isinstance(place, int) else place
        if not 0 <= index < self._length:
            raise IndexError(index)
        sequence = np.random.SeedSequence([self._seed, epoch if self._train else 0, index])
        rng = np.random.default_rng(sequence)
        reason = ""
        for number in self._candidates(index, rng):
            try:
                return self._pair(self._clips[number], int(sequence.generate_state(1, np.uint64)[0] >> 1), rng)
            except BrokenClipError as error:
                self._report(number, error)
                reason = reason or f"{self._clips[number].path}: {error}"
        raise InputError("No clip of the data set can be read", got=f"{len(self._clips)} clips, among them {reason}")

    def _candidates(self, index: int, rng: np.random.Generator) -> Iterator[int]:
        """The clip whose turn it is; then all the others, for when it is broken."""
        group = self._groups[index % len(self._groups)]
        chosen = int(rng.choice(group))
        yield chosen
        for number in rng.permutation(len(self._clips)).tolist():
            if number != chosen:
                yield number

    def _pair(self, clip: ClipFile, seed: int, rng: np.random.Generator) -> Batch:
        frames = _frames(clip, self._size, self._cache)
        truth = None
        if self._truth:
            source, driving = 0, int(rng.integers(1, len(frames)))
            truth = self._read_truth(clip, frames, driving)
        else:
            source, driving = rng.choice(len(frames), 2, replace=False).tolist()
        pixels = torch.from_numpy(frames.read([source, driving]))  # 2 S S 3
        pictures = pixels.permute(0, 3, 1, 2).float() / 255  # 2 3 S S
        # Resizing keeps the picture's edges in place, coordinates count from the centres of its outermost pixels.
        if truth is not None and (side := frames.shape[0]) != self._size:
            scale = self._size / side * (side - 1) / (self._size - 1)
            truth = move_truth(truth, AffineChange.of(scale=scale), range(len(self._names)))
        if self._augment is not None:
            pictures, truth = self._augment(pictures, truth, rng)
        return Batch(pictures[:1], pictures[1:], torch.tensor([seed]), truth)

    def _read_truth(self, clip: ClipFile, frames: ClipFrames, driving: int) -> Truth:
        assert clip.truth is not None
        truth = _truth_file(clip.truth, self._names)
        if truth.frames != len(frames):
            raise BrokenClipError(f"it has {len(frames)} frames and its truth {truth.frames}")
        if frames.shape[0] != frames.shape[1]:
            raise BrokenClipError("it carries truth, but its frames are not square")
        return truth.read(driving, self._truth)

    def _check_truth(self, asked: Collection[str]) -> frozenset[str]:
        """Parts of the truth to read, none where no clip carries truth; Jacobians are read only where all have them."""
        known = [clip for clip in self._clips if clip.truth is not None]
        if known and len(known) < len(self._clips):
            bare = next(clip for clip in self._clips if clip.truth is None)
            raise InputError(
                "Some clips carry truth and others do not",
                got=f"{len(known)} of {len(self._clips)} with; without it, for instance, {bare.path}",
                expected="all or none",
                todo="Train on them apart, or take the truth files away",
            )
        if not known:
            return frozenset()
        parts = {clip.truth: TruthFile(clip.truth, self._names).parts for clip in known if clip.truth is not None}
        everywhere, anywhere = frozenset.intersection(*parts.values()), frozenset.union(*parts.values())
        for part in sorted(asked):
            if part not in (everywhere if part == "jacobians" else anywhere):
                poor = next(path for path, there in parts.items() if part not in there)
                raise InputError(
                    f"The truth of a clip lacks its {part}",
                    got=poor.name,
                    todo=f"Set the loss's weight for {part} to 0, or add them to the truth",
                )
        return (frozenset(asked) - {"jacobians"}) | (everywhere & {"keypoints", "jacobians"})

    def _report(self, number: int, error: BrokenClipError) -> None:
        if not self._state[number]:
            self._state[number] = 1
            message = f"The clip {self._clips[number].path} is left out: {error}"
            warnings.warn(message, MotionkitWarning, stacklevel=3)


@lru_cache(maxsize=_OPEN_CLIPS)
def _frames(clip: ClipFile, size: int, cache: Path | None) -> ClipFrames:
    return ClipFrames(clip, size, cache)


@lru_cache(maxsize=_OPEN_CLIPS)
def _truth_file(path: Path, names: tuple[str, ...]) -> TruthFile:
    return TruthFile(path, names)


def collate(items: Sequence[Batch]) -> Batch:
    """Join pairs, or batches, into one batch."""
    truths = [item.truth for item in items if item.truth is not None]
    assert len(truths) in (0, len(items)), "a data set carries truth for all clips or for none"
    warned = [text for item in items for text in item.warned]
    return Batch(
        torch.cat([item.source for item in items]),
        torch.cat([item.driving for item in items]),
        torch.cat([item.seed for item in items]),
        _join(truths) if truths else None,
        (*warned, *(heard() if get_worker_info() is not None else ())),
    )


def _join(truths: Sequence[Truth]) -> Truth:
    # Flow that is not known has one place, which stands for as many as the others have.
    height, width = max(tuple(truth.flow.shape[1:3]) for truth in truths)
    return Truth(
        Keypoints.cat([truth.source for truth in truths]),
        Keypoints.cat([truth.driving for truth in truths]),
        torch.cat([truth.flow.expand(-1, height, width, -1) for truth in truths]),
        torch.cat([truth.visibility.expand(-1, -1, height, width) for truth in truths]),
        torch.cat([truth.has_flow for truth in truths]),
    )


class BatchOrder(Sampler[list[Place]]):
    """The places of each batch of an epoch, shuffled; each process takes its part of every batch.

    The order follows from the seed and the epoch alone. What does not fill a last batch is left out.

    Args:
        length: Of the data set.
        batch_size: Pairs of a batch, over all processes.
        seed: Of the order.
        epoch: Which; see ``set_epoch``.
        start_step: Batches of this epoch that were seen before.
        rank: Number of this process, from 0.
        world: How many processes there are.

    Raises:
        InputError: The data set does not fill a batch, or the batch cannot be shared out.
    """

    def __init__(
        self,
        length: int,
        batch_size: int,
        seed: int = 0,
        epoch: int = 0,
        start_step: int = 0,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if batch_size < 1 or batch_size % world:
            raise InputError(
                "The batch cannot be shared out among the processes",
                got=f"batch size {batch_size}",
                expected=f"a multiple of {world}",
            )
        if length < batch_size:
            raise InputError(
                "The clips do not fill a batch",
                got=f"{length} pairs an epoch",
                expected=f"at least {batch_size}",
                todo="Raise repeats or lower batch_size",
            )
        self._length, self._batch_size, self._seed = length, batch_size, seed
        self._part = slice(batch_size // world * rank, batch_size // world * (rank + 1))
        self.set_epoch(epoch, start_step)

    def set_epoch(self, epoch: int, start_step: int = 0) -> None:
        """Choose what the next iteration goes through.

        Args:
            epoch: From 0.
            start_step: Batches of this epoch that are left out, since they were seen before.
        """
        self._epoch, self._start = epoch, start_step

    @property
    def steps(self) -> int:
        """Batches of a whole epoch."""
        return self._length // self._batch_size

    def __len__(self) -> int:
        return max(self.steps - self._start, 0)

    def __iter__(self) -> Iterator[list[Place]]:
        epoch = self._epoch
        order = np.random.default_rng([self._seed, epoch]).permutation(self._length)
        for step in range(self._start, self.steps):
            batch = order[step * self._batch_size : (step + 1) * self._batch_size]
            yield [Place(epoch, int(index)) for index in batch[self._part]]


def loader(dataset: PairDataset, order: BatchOrder, *, workers: int = 0) -> DataLoader[Batch]:
    """Make the batches of a data set in an order, decoded by worker processes that stay from epoch to epoch.

    Call ``order.set_epoch`` before each epoch's iteration. Batches are the same for any number of workers.

    Args:
        dataset: The pairs.
        order: Which of them, and when. It shares out batches among processes itself; accelerate must not do so again.
        workers: Processes that decode; 0 decodes in this one.
    """
    return _Loader(
        dataset,
        batch_sampler=order,
        num_workers=workers,
        collate_fn=collate,
        persistent_workers=workers > 0,
        multiprocessing_context=worker_context() if workers > 0 else None,
        worker_init_fn=begin_worker if workers > 0 else None,
    )


class _Loader(DataLoader[Batch]):
    def __iter__(self) -> Any:
        with clean_start():
            batches = super().__iter__()
        for batch in batches:
            for text in batch.warned:
                warnings.warn(MotionkitWarning(text), stacklevel=2)
            yield batch
