"""The panel's menu of models and devices: what is offered, and the loading of another one in a thread."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from motionkit import drive
from motionkit.errors import InputError
from motionkit.model import Model, devices, load_model
from motionkit.weights.registry import WEIGHTS

__all__ = ["ModelMenu", "models_offered", "registered_name"]

REPORT_EVERY = 0.2  # seconds
MEGA = 1e6
Content = dict[str, Any]


def models_offered(model: Model) -> dict[str, Any]:
    """What the menu shows, as JSON: the model that is in use, all names with what they cost, the devices that are here.

    Args:
        model: In use.
    """
    current = registered_name(model)
    names = [
        {"name": name, "title": f"{name} (embedded)" if entry.embedded else f"{name} ({entry.bytes / MEGA:.0f} MB)"}
        for name, entry in WEIGHTS.items()
    ]
    if current is None:
        current = "" if model.origin is None else str(model.origin)
        names.append({"name": current, "title": f"{model.config.name} (own file)"})
    return {"current": current, "names": names, "device": _device_name(model.device), "devices": devices()}


def registered_name(model: Model) -> str | None:
    """The name by which ``load_model`` gives these weights, None where they have none."""
    entry = WEIGHTS.get(model.config.name)
    if entry is None:
        return None
    known = entry.sha256 is not None and entry.sha256 == model.fingerprint
    return entry.name if known or str(model.origin) == entry.name else None


class ModelMenu:
    """Loads the model that the page asks for; the newest wish counts.

    Args:
        current: Gives the model that is in use.
        report: Called with what is being done, in a line; "" once it is done, given up or failed.
        ready: Called with the new model, in the loading thread.
        tell: Called with what went wrong, None once one is there, and "model".
        folder: Gets what is copied in from Google Drive.

    Attributes:
        handlers: What is done with each kind of message.
    """

    def __init__(
        self,
        *,
        current: Callable[[], Model],
        report: Callable[[str], None],
        ready: Callable[[Model], None],
        tell: Callable[[Exception | None, str], None],
        folder: Path,
    ) -> None:
        self._current, self._report, self._ready, self._tell = current, report, ready, tell
        self._folder = folder
        self._wish: object = None  # of the newest thread; others give up
        self._reported = 0.0
        self.handlers: Mapping[str, Callable[[Content], None]] = {
            "model": self._choose,
            "model-cancel": lambda _: self.stop(),
        }

    def load(self, name_or_path: str | Path, device: str | None = None) -> None:
        """Begin to load; returns at once.

        Args:
            name_or_path: As for ``load_model``.
            device: Where to; None is where the present one is.
        """
        where = device or _device_name(self._current().device)
        self._begin(f"Loading {name_or_path}…", lambda progress: self._loaded(name_or_path, where, progress))

    def stop(self) -> None:
        """Give up what is under way; the model that is in use stays."""
        self._wish = None
        self._report("")

    def _choose(self, content: Content) -> None:
        name, device = str(content["name"]).strip(), str(content["device"])
        if device not in devices():
            raise InputError("This device is not here", got=repr(device), expected=" or ".join(devices()))
        used = self._current()
        if name == models_offered(used)["current"]:
            if device != _device_name(used.device):
                self._begin(f"Moving {used.config.name} to {device}…", lambda _: _moved(used, device))
            else:
                self.stop()
        elif not name:
            raise InputError("Nothing was entered", expected="a path to a .safetensors or .pth.tar file")
        else:
            self.load(name, device)

    def _begin(self, words: str, make: Callable[[Callable[[int, int | None], None]], Model]) -> None:
        self._wish = wish = object()
        self._report(words)

        def progress(done: int, total: int | None) -> None:
            if self._wish is not wish:
                raise _GivenUp
            now = time.monotonic()
            if now - self._reported >= REPORT_EVERY:
                self._reported = now
                of = f" of {total / MEGA:.0f}" if total else ""
                self._report(f"{words} {done / MEGA:.0f}{of} MB")

        threading.Thread(target=self._run, args=(wish, make, progress), name="motionkit-model", daemon=True).start()

    def _run(self, wish: object, make: Callable[..., Model], progress: Callable[[int, int | None], None]) -> None:
        try:
            model = make(progress)
        except _GivenUp:
            return
        except Exception as error:  # a thread's last line of defence: sent in words
            if self._wish is wish:
                self._report("")
                self._tell(error, "model")
            return
        if self._wish is wish:
            self._tell(None, "model")
            self._ready(model)

    def _loaded(self, name_or_path: str | Path, device: str, progress: Callable[[int, int | None], None]) -> Model:
        known = str(name_or_path) in WEIGHTS
        given = name_or_path if known else drive.find_input(name_or_path, self._folder)
        return load_model(given, device=device, progress=progress)


class _GivenUp(Exception):
    """Another model is wanted by now."""


def _moved(model: Model, device: str) -> Model:
    """The same weights on another device; the caller's own model stays where it is."""
    return Model(
        copy.deepcopy(model.reference), device=device, precision=model.asked_precision,
        fingerprint=model.fingerprint, origin=model.origin,
    )  # fmt: skip


def _device_name(device: torch.device) -> str:
    return f"cuda:{device.index or 0}" if device.type == "cuda" else device.type
