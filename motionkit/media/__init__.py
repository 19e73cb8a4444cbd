"""Pictures and clips in and out; the only user of PyAV and of picture files.

Frames stream: memory does not grow with a clip's length. Outputs are written beside their target and renamed.
"""

from __future__ import annotations

from motionkit.media.images import is_image, read_image, write_image
from motionkit.media.metadata import read_metadata
from motionkit.media.reading import Clip, open_clip
from motionkit.media.sound import Sound, is_sound, open_sound, read_samples, sound_of
from motionkit.media.suffixes import IMAGE_SUFFIXES, READ_IMAGE_SUFFIXES, READ_VIDEO_SUFFIXES, VIDEO_SUFFIXES
from motionkit.media.targets import check_target
from motionkit.media.writing import VideoWriter

__all__ = [
    "IMAGE_SUFFIXES",
    "READ_IMAGE_SUFFIXES",
    "READ_VIDEO_SUFFIXES",
    "VIDEO_SUFFIXES",
    "Clip",
    "Sound",
    "VideoWriter",
    "check_target",
    "is_image",
    "is_sound",
    "open_clip",
    "open_sound",
    "read_image",
    "read_metadata",
    "read_samples",
    "sound_of",
    "write_image",
]
