"""Sound for a result: whose it is, and where in its file the result begins."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.errors import InputError, MediaError, MotionkitError
from motionkit.media.clip import Clip
from motionkit.media.files import check_file
from motionkit.media.streams import audio_stream, clock_of, damage, first_video, has_audio, open_container

if TYPE_CHECKING:
    import numpy as np
    from av.audio.stream import AudioStream
    from av.container import InputContainer

__all__ = ["Sound", "is_sound", "open_sound", "read_samples", "sound_of"]

LONGEST = 3600  # seconds that are held in memory at once


@dataclass(frozen=True)
class Sound:
    """Sound that is there.

    Attributes:
        path: The file.
        track: Which of its audio tracks, from 0; None is the one marked as the default, else the first.
        start: Second of the file at which the result begins.
    """

    path: Path
    track: int | None = None
    start: Fraction = Fraction(0)

    def zero(self, container: InputContainer, stream: AudioStream) -> Fraction:
        """Time 0 of the result on the clock of the file: counted from its first picture, else from its first sound.

        Args:
            container: The file, opened.
            stream: The track in it.
        """
        first = first_video(container) or stream
        return self.start + (first.start_time or 0) * clock_of(first)


def sound_of(clip: Clip, track: int | None = None) -> Sound | None:
    """The sound of a clip, cut like it; None where it has none and no track was asked for.

    Args:
        clip: A clip.
        track: As ``Sound.track``.

    Raises:
        InputError: There is no such track.
        MediaError: There is no decoder for it.
    """
    if track is not None:
        with open_container(clip.info.path) as container:
            audio_stream(container, clip.info.path, track)
    return Sound(clip.info.path, track, clip.start) if clip.info.has_audio else None


def open_sound(path: str | Path, track: int | None = None) -> Sound:
    """The sound of any file that has some: music, speech, a video; its beginning is decoded, to be sure of it.

    Args:
        path: The file.
        track: As ``Sound.track``.

    Raises:
        InputError: There is no such file, or it has no such track.
        MediaError: It has no sound, or is damaged from the start.
    """
    file = check_file(path)
    with open_container(file, "a file with sound", "wav, mp3, m4a, ogg, a video with sound …") as container:
        if track is None and not has_audio(container):
            raise MediaError("The file has no sound that can be read", got=str(path), todo="Give another, or none")
        stream = audio_stream(container, file, track)
        with damage(file, "sound"):
            first = next(container.decode(stream), None)
        if first is None:
            raise MediaError("No sound of the file can be read", got=str(path))
    return Sound(file, track)


def is_sound(path: str | Path) -> bool:
    """Whether a file holds sound and no moving pictures: music, speech.

    Args:
        path: Any path; a file that cannot be read is none.
    """
    try:
        with open_container(check_file(path)) as container:
            return first_video(container) is None and has_audio(container)
    except MotionkitError:
        return False


def read_samples(sound: Sound, rate: int) -> np.ndarray:
    """The whole of a sound, S float32 in [-1, 1], mono.

    Args:
        sound: Which; read from its start.
        rate: Samples a second.

    Raises:
        InputError: It is longer than an hour.
        MediaError: The file is damaged.
    """
    import av
    import numpy as np

    parts: list[np.ndarray] = []
    count = 0
    with open_container(sound.path, "a file with sound") as container, damage(sound.path, "sound"):
        stream = audio_stream(container, sound.path, sound.track)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        for frame in container.decode(stream):
            for part in resampler.resample(frame):
                parts.append(part.to_ndarray().reshape(-1))
                count += len(parts[-1])
            if count > LONGEST * rate:
                raise InputError("The sound is too long", got=str(sound.path), expected="at most an hour")
        parts += [part.to_ndarray().reshape(-1) for part in resampler.resample(None)]
    samples: np.ndarray = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return samples[int(sound.start * rate) :]
