"""The engine of a cluster: Ray Data hands tasks to actors, each of which does all that one machine's engine does.

An actor or a node that dies is replaced by Ray, and what it was at is done again: files are put in place whole, under
names that the plan gives, so that twice the same task is once the same files.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from motionkit.config import ModelConfig, Precision
from motionkit.data.multiplication.making import Maker
from motionkit.data.multiplication.media_work import MediaWork
from motionkit.data.multiplication.motions import Motions, is_found
from motionkit.data.multiplication.placing import place
from motionkit.data.multiplication.rows import Row, as_json
from motionkit.data.multiplication.sources import Failure
from motionkit.data.multiplication.storage import Storage
from motionkit.errors import MissingPackageError
from motionkit.model import Model
from motionkit.modules.first_order import FirstOrderModel

__all__ = ["ModelParts", "need_ray", "run_on_ray"]

TOGETHER = 16  # tasks that an actor takes at once, at most: they are of one source, mostly
LEAST_TURNS = 4  # and at least so many such portions for each actor


@dataclass(frozen=True)
class ModelParts:
    """A model as it travels to actors.

    Attributes:
        config: Its configuration.
        state: Its weights.
        device: The kind of device that it computes on.
        precision: As it was asked for.
        fingerprint: Hash of the weights.
    """

    config: ModelConfig
    state: dict[str, torch.Tensor]
    device: str
    precision: Precision
    fingerprint: str

    @classmethod
    def of(cls, model: Model) -> ModelParts:
        """The parts of a model."""
        state = {name: tensor.cpu() for name, tensor in model.reference.state_dict().items()}
        return cls(model.config, state, model.device.type, model.asked_precision, model.fingerprint)

    def build(self) -> Model:
        """The model again."""
        with torch.device("meta"):
            reference = FirstOrderModel(self.config)
        reference.load_state_dict(self.state, assign=True)
        return Model(reference, device=self.device, precision=self.precision, fingerprint=self.fingerprint)


def need_ray() -> None:
    """Raise where Ray is missing.

    Raises:
        MissingPackageError: It is.
    """
    try:
        import ray.data  # noqa: F401
    except ImportError:
        raise MissingPackageError(
            "The engine ray needs another package", got="no ray", todo='Run: pip install "motionkit[ray]"'
        ) from None


def run_on_ray(
    work: MediaWork, model: Model, storage: Storage, tasks: Iterable[int], *, note: Callable[[int, list[Row]], None]
) -> None:
    """Make tasks on a Ray cluster: the one that this process belongs to, else one of this machine alone.

    Args:
        work: Reads sources and writes results.
        model: Animates.
        storage: The data set's; every node must reach it under the same name.
        tasks: Their numbers.
        note: Called with each task that is in place, and its rows, in any order.

    Raises:
        MissingPackageError: Ray is not installed.
    """
    need_ray()
    import ray

    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=False)
    parts = ray.put(ModelParts.of(model))
    drivings = [number for number in range(len(work.plan.drivings)) if not is_found(storage, number)]
    for _ in _mapped(work, parts, storage, [("driving", number) for number in drivings], together=1):
        pass  # each driver's keypoints are found once, before all its sources
    left = [("task", task) for task in tasks]
    actors = work.options.workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
    together = min(TOGETHER, max(len(left) // (LEAST_TURNS * actors), 1)) if work.plan.per_task == 1 else 1
    for result in _mapped(work, parts, storage, left, together=together):
        note(int(result["number"]), [Row.unpacked(row) for row in json.loads(result["rows"])])


def _mapped(
    work: MediaWork, parts: Any, storage: Storage, items: list[tuple[str, int]], *, together: int
) -> Iterator[dict[str, Any]]:
    """What the actors give for each item, in any order."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    if not items:
        return
    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.execution_options.preserve_order = False
    most = work.options.workers or max(int(ray.cluster_resources().get("CPU", 1)), 1)
    blocks = -(-len(items) // together)
    data = ray.data.from_items(
        [{"kind": kind, "number": number} for kind, number in items], override_num_blocks=blocks
    ).map_batches(
        _Actor,
        batch_size=together,
        compute=ActorPoolStrategy(min_size=1, max_size=min(most, blocks), max_tasks_in_flight_per_actor=2),
        fn_constructor_args=(replace(work, cache=Path()), parts, storage),
        num_cpus=1,
        num_gpus=1 if _on_gpu(work, parts) else 0,
        zero_copy_batch=False,
    )
    yield from data.iter_rows()


def _on_gpu(work: MediaWork, parts: Any) -> bool:
    import ray

    return bool(ray.get(parts).device == "cuda")


class _Actor:
    """One worker of the cluster: reads, computes and writes, with one thread.

    Args:
        work: Reads sources and writes results.
        parts: Of the model; a reference into Ray's store.
        storage: The data set's.
    """

    def __init__(self, work: MediaWork, parts: Any, storage: Storage) -> None:
        import ray

        torch.set_num_threads(1)
        self._scratch = tempfile.TemporaryDirectory(prefix="motionkit-")
        folder = Path(self._scratch.name)
        self._work, self._storage = replace(work, cache=folder / "fetched"), storage
        model = ray.get(parts).build()
        self._motions = Motions(work.plan, model, work.options.animate, storage, self._work.cache)
        self._maker = Maker(model, work.options, self._motions, self._work.read)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Do what a batch of items names."""
        numbers = [int(number) for number in batch["number"]]
        rows = []
        for kind, number in zip(batch["kind"], numbers, strict=True):
            if kind == "driving":
                self._motions.get(number)
                rows.append("[]")
            else:
                rows.append(as_json([row.packed() for row in self._task(number)]))
        return {"number": numbers, "rows": rows}

    def _task(self, task: int) -> list[Row]:
        folder = Path(self._scratch.name)
        stage, rows = folder / "stage" / str(task), []
        for job in self._work.plan.jobs(task):
            made = self._maker.make(job, folder / "spool" / job.key)
            rows += self._work.failed(job, made) if isinstance(made, Failure) else self._work.finish(made, stage)
        return place(task, rows, stage, self._storage, shards=self._work.options.format == "webdataset")
