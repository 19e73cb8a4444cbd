"""The drivings' motion: each one's keypoints, found once for all its sources and kept in the data set's folder."""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from pathlib import Path

from motionkit.config import AnimateOptions
from motionkit.data.multiplication.plan import Plan, local_file
from motionkit.data.multiplication.sources import Failure
from motionkit.data.multiplication.storage import Storage
from motionkit.errors import MotionkitError, heard_warnings
from motionkit.model import Model
from motionkit.motion.templates import SUFFIX, MotionTemplate, is_template, load_template, save_template
from motionkit.pipeline.driving import open_driving
from motionkit.pipeline.run import extract

__all__ = ["WORK", "Motions", "is_found"]

WORK = ".multiply"
FOLDER = f"{WORK}/motions"
FAILED = ".failed"
KEPT_FRAMES = 200_000  # in memory, of all drivings together; one takes some 600 bytes


class Motions:
    """Motion templates of drivings, by number.

    Args:
        plan: Lists the drivings.
        model: Finds keypoints.
        options: For the crop.
        storage: Where found ones are kept for other processes, and for the next run.
        cache: Folder of this machine for what is fetched.
    """

    def __init__(self, plan: Plan, model: Model, options: AnimateOptions, storage: Storage, cache: Path) -> None:
        self._plan, self._model, self._options = plan, model, options
        self._storage, self._cache = storage, cache
        self._kept: OrderedDict[int, MotionTemplate | Failure] = OrderedDict()
        self._frames = 0
        self.notes: dict[int, str] = {}

    def get(self, driving: int) -> MotionTemplate | Failure:
        """The motion of a driving, or why there is none.

        Args:
            driving: Its number.

        Raises:
            MediaError: It cannot be kept.
        """
        if driving in self._kept:
            self._kept.move_to_end(driving)
            return self._kept[driving]
        found = self._stored(driving) or self._found(driving)
        self._kept[driving] = found
        self._frames += _length(found)
        while self._frames > KEPT_FRAMES and len(self._kept) > 1:
            self._frames -= _length(self._kept.popitem(last=False)[1])
        return found

    def _stored(self, driving: int) -> MotionTemplate | Failure | None:
        reason = self._storage.read(f"{FOLDER}/{driving}{FAILED}")
        if reason is not None:
            return Failure(reason.decode())
        data = self._storage.read(f"{FOLDER}/{driving}{SUFFIX}")
        if data is None:
            return None
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f"{driving}{SUFFIX}")
            file.write_bytes(data)
            return load_template(file)

    def _found(self, driving: int) -> MotionTemplate | Failure:
        heard: list[str] = []
        try:
            with heard_warnings(heard):
                place = local_file(self._plan.drivings[driving].place, self._cache)
                if is_template(place):
                    template = load_template(place)
                    open_driving(template).seen(self._model, self._options)  # of this model
                else:
                    template = extract(place, model=self._model, options=self._options)
        except MotionkitError as error:
            listed = self._plan.drivings[driving]
            reason = str(error).replace(str(listed.place), listed.name)
            self._storage.write(f"{FOLDER}/{driving}{FAILED}", reason.encode())
            return Failure(reason)
        if heard:
            self.notes[driving] = " ".join(heard)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, f"{driving}{SUFFIX}")
            save_template(file, template)
            self._storage.write(f"{FOLDER}/{driving}{SUFFIX}", file.read_bytes())
        return template


def is_found(storage: Storage, driving: int) -> bool:
    """Whether a driving's motion, or that it has none, is known.

    Args:
        storage: The data set's.
        driving: Its number.
    """
    return any(storage.has(f"{FOLDER}/{driving}{suffix}") for suffix in (SUFFIX, FAILED))


def _length(found: MotionTemplate | Failure) -> int:
    return 1 if isinstance(found, Failure) else len(found)
