"""Pictures of the best and worst clips, kept while thousands are measured; all others are thrown away."""

from __future__ import annotations

import hashlib
from bisect import insort
from collections.abc import Iterable
from pathlib import Path

from motionkit import media, trust
from motionkit.evaluation.metrics import Quantity
from motionkit.evaluation.result import badness
from motionkit.evaluation.rows import Row
from motionkit.frames import Frame

__all__ = ["Gallery", "picture_path"]

# Hidden, since a folder of pictures among clips is a clip: the next evaluation of them would measure it.
FOLDER = ".pictures"


def picture_path(folder: Path, key: tuple[str, str, str]) -> Path:
    """Where the picture of a row is.

    Args:
        folder: The evaluation's.
        key: The row's.
    """
    name = hashlib.sha256("\n".join(key).encode(errors="surrogateescape")).hexdigest()[:20]
    return folder / FOLDER / f"{name}.jpg"


class Gallery:
    """Keeps a picture of each model's best and worst clips so far.

    Args:
        folder: The evaluation's.
        quantities: The first for which some values are better ranks the clips.
        count: Best, and as many worst; 0 keeps none.
        rows: Those that were measured before.
    """

    def __init__(self, folder: Path, quantities: Iterable[Quantity], count: int, rows: Iterable[Row] = ()) -> None:
        self.folder, self.count = folder, count
        self.quantity = next((quantity for quantity in quantities if quantity.better), None)
        self._best: dict[str, list[tuple[float, tuple[str, str, str]]]] = {}
        self._worst: dict[str, list[tuple[float, tuple[str, str, str]]]] = {}
        for row in rows:
            self._place(row)

    def offer(self, row: Row, sheet: Frame | None) -> None:
        """Keep the picture of a row that is among the best or the worst so far.

        Args:
            row: The row.
            sheet: Its picture.

        Raises:
            MediaError: It cannot be written.
        """
        if sheet is not None and self._place(row):
            path = picture_path(self.folder, row.key)
            path.parent.mkdir(exist_ok=True)
            media.write_image(path, trust.mark_frame(sheet), metadata=trust.container_metadata())

    def _place(self, row: Row) -> bool:
        value = None if self.quantity is None else row.values.get(self.quantity.name)
        if value is None or not self.count:
            return False
        assert self.quantity is not None
        bad = badness(value, self.quantity)
        best, worst = self._best.setdefault(row.model, []), self._worst.setdefault(row.model, [])
        insort(best, (bad, row.key))
        insort(worst, (-bad, row.key))
        out = {entry[1] for ranks in (best, worst) for entry in ranks[self.count :]}
        del best[self.count :], worst[self.count :]
        kept = {entry[1] for ranks in (best, worst) for entry in ranks}
        for key in out - kept:
            picture_path(self.folder, key).unlink(missing_ok=True)
        return row.key in kept
