"""What an animation should do, with the only defaults: command line, widgets and notebooks read them here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from motionkit.config.checks import (
    check_box,
    check_choice,
    check_flag,
    check_number,
    check_whole,
    given_or_default,
    shown,
)
from motionkit.config.models import MAX_SIDE
from motionkit.errors import InputError
from motionkit.structures import Box

__all__ = [
    "AUDIO",
    "FINDERS",
    "GAIN_RANGE",
    "LOST",
    "OVERLAYS",
    "PLACES",
    "SMOOTHING_RANGE",
    "STRENGTH_RANGE",
    "AnimateOptions",
]

STRENGTH_RANGE = (0.0, 2.0)
GAIN_RANGE = (0.0, 4.0)
SMOOTHING_RANGE = (0.0, 1.0)
SIZE_RANGE = (16, MAX_SIDE)
BATCH_RANGE = (1, 4096)
MAX_TRACK = 1000
AUDIO = ("auto", "driving", "source", "none")
LOST = ("hold", "source", "follow")
FINDERS = ("auto", "blazeface", "cascade", "mtcnn")
PLACES = ("bottom-right", "bottom-left", "top-right", "top-left")
LABEL_SIZE_RANGE = (0.03, 0.3)
LABEL_LETTERS = 40
OVERLAYS = ("keypoints", "occlusion", "flow", "deformed")


@dataclass(frozen=True, kw_only=True)
class AnimateOptions:
    """What an animation should do. These are the only defaults; command line and widgets read them here.

    Attributes:
        relative: Move the source by how the driving moves, rather than to where it is.
        adapt_scale: Scale relative movement by the ratio of the sizes (convex hulls); ignored when absolute.
        strength: Factor on all movement, 0 to 2: 0 keeps the source's pose, 1 is the plain transfer, 2 exaggerates.
        gains: Keypoint index, keypoint name or group name to a factor on that part's movement, 0 to 4. Where the model
            has a group "head", the other parts ride on it: theirs acts on what they do beyond the head's movement, and
            the head's takes them along, so that {"head": 0} speaks with a still head.
        smoothing: Of the keypoints over time, 0 (off) to 1; a causal One-Euro filter.
        motion_limit: Largest movement of a keypoint from the source, in units of the source keypoints' extent (the
            square root of their convex hull's area); None is no limit. Off when absolute.
        reference: Driving frame that counts as the neutral pose of relative motion: "first" (the first that shows what
            the model knows), "best" (nearest to the source's pose) or an index. Each further scene of the driving has a
            reference of its own: its best with "best", else its first.
        lost: What is shown while the driving shows nothing that the model knows, such as a black picture or another
            scene: "hold" keeps the last pose, "source" is the source as it is, "follow" moves by it all the same, and
            by a new scene as if there had been no cut.
        batch_size: Frames computed at once; None chooses by device.
        size: Side of the result in pixels; None is the model's ``picture_size``.
        crop: "auto" crops faces for face models and takes the centred square otherwise; "face" insists on a face;
            "centre" is the centred square; "none" uses the whole picture, which must be square.
        source_box: The square of the source to animate, in pixels; overrides ``crop``.
        driving_box: The square of the driving frames to read, in pixels; overrides ``crop``.
        face: Which face of the source: "largest", an index from the left, or "all", pasted back into the whole.
        driving_face: Which face of the driving clip: "largest", or an index from the left.
        finder: How faces are found, one of ``FINDERS``: "cascade" upright ones only; "blazeface" at any turn; "auto" by
            both; "mtcnn" needs facenet-pytorch.
        paste_back: Blend the animated square into the full source picture; always so with ``face="all"``.
        audio: Whose sound the result gets: "auto" is the driving's, else the source's; "driving", "source" or "none";
            any other text, and any Path, is a file with sound, used from its start to the result's end.
        audio_track: Which of the file's audio tracks, from 0; None is the one marked as the default, else the first.
        overlays: Extra collage panels, any of ``OVERLAYS``.
        label: The visible badge on what is written: True reads "AI", a text reads so, False leaves it out. Metadata and
            the watermark say that it was made in any case.
        label_place: The badge's corner, one of ``PLACES``.
        label_size: Its height as a share of the picture's shorter side, 0.03 to 0.3.

    Raises:
        InputError: A value is out of its range, or not one of the choices.
    """

    relative: bool = True
    adapt_scale: bool = True
    strength: float = 1.0
    gains: Mapping[str | int, float] = field(default_factory=dict)
    smoothing: float = 0.0
    motion_limit: float | None = 1.0
    reference: Literal["first", "best"] | int = "first"
    lost: Literal["hold", "source", "follow"] = "hold"
    batch_size: int | None = None
    size: int | None = None
    crop: Literal["auto", "face", "centre", "none"] = "auto"
    source_box: Box | None = None
    driving_box: Box | None = None
    face: Literal["largest", "all"] | int = "largest"
    driving_face: Literal["largest"] | int = "largest"
    finder: Literal["auto", "blazeface", "cascade", "mtcnn"] = "auto"
    paste_back: bool = False
    audio: str | Path = "auto"
    audio_track: int | None = None
    overlays: tuple[str, ...] = ()
    label: bool | str = True
    label_place: Literal["bottom-right", "bottom-left", "top-right", "top-left"] = "bottom-right"
    label_size: float = 0.075

    def __post_init__(self) -> None:
        check_number("strength", self.strength, *STRENGTH_RANGE)
        check_number("smoothing", self.smoothing, *SMOOTHING_RANGE)
        _check_gains(self.gains)
        if self.motion_limit is not None:
            check_number("motion_limit", self.motion_limit, 0, 1000, above=True)
        check_choice("reference", self.reference, ("first", "best"), or_index=True)
        check_choice("lost", self.lost, LOST)
        _check_audio(self.audio)
        check_choice("crop", self.crop, ("auto", "face", "centre", "none"))
        check_choice("face", self.face, ("largest", "all"), or_index=True)
        check_choice("driving_face", self.driving_face, ("largest",), or_index=True)
        for name in ("face", "driving_face"):
            if self.crop in ("centre", "none") and getattr(self, name) != "largest":
                got = f"{name}={getattr(self, name)!r}"
                raise InputError(f'With crop="{self.crop}" no face is looked for', got=got, todo='Set crop="auto"')
        check_choice("finder", self.finder, FINDERS)
        _check_overlays(self.overlays)
        if self.batch_size is not None:
            check_whole("batch_size", self.batch_size, *BATCH_RANGE)
        if self.size is not None:
            check_whole("size", self.size, *SIZE_RANGE)
        if self.audio_track is not None:
            check_whole("audio_track", self.audio_track, 0, MAX_TRACK)
        for name in ("relative", "adapt_scale", "paste_back"):
            check_flag(name, getattr(self, name))
        _check_label(self.label)
        check_choice("label_place", self.label_place, PLACES)
        check_number("label_size", self.label_size, *LABEL_SIZE_RANGE)
        for name in ("source_box", "driving_box"):
            check_box(name, getattr(self, name))

    @property
    def pasted(self) -> bool:
        """Whether results go back into the whole picture: several faces make one picture in no other way."""
        return self.paste_back or self.face == "all"

    def replace(self, **changes: Any) -> AnimateOptions:
        """Return a copy with some fields changed, checked again.

        Args:
            **changes: Field name to new value.

        Raises:
            InputError: A value is out of its range, or not one of the choices.
        """
        return replace(self, **changes)

    @classmethod
    def given(cls, options: AnimateOptions | None) -> AnimateOptions:
        """What a caller gave for options, None being the defaults.

        Args:
            options: The caller's.

        Raises:
            InputError: It is something else, such as a dict.
        """
        return given_or_default(options, cls)


def _check_audio(audio: object) -> None:
    if not (isinstance(audio, Path) or (isinstance(audio, str) and audio)):
        raise InputError("Unknown audio", got=shown(audio), expected=f"{', '.join(AUDIO)}, or a file with sound")


def _check_gains(gains: Any) -> None:
    if not isinstance(gains, Mapping):
        raise InputError("gains are no mapping", got=shown(gains), expected="such as {'mouth': 1.5}")
    for part, gain in gains.items():
        if isinstance(part, bool) or not isinstance(part, (str, int)):
            raise InputError("A gain is for no keypoint", got=shown(part), expected="an index or a name")
        check_number(f"gain of {shown(part)}", gain, *GAIN_RANGE)


def _check_label(label: Any) -> None:
    text = label if isinstance(label, str) else ""
    # The badge's font has the letters of ASCII.
    fits = text.strip() and text.isascii() and text.isprintable() and len(text) <= LABEL_LETTERS
    if not isinstance(label, bool) and not fits:
        expected = f"True, False, or a text of 1 to {LABEL_LETTERS} plain letters (A to Z, digits, signs)"
        raise InputError("This is no label", got=shown(label), expected=expected)


def _check_overlays(overlays: Any) -> None:
    if not isinstance(overlays, (list, tuple)):
        raise InputError("overlays are no list", got=shown(overlays), expected=f"some of {', '.join(OVERLAYS)}")
    for overlay in overlays:
        check_choice("overlay", overlay, OVERLAYS)
