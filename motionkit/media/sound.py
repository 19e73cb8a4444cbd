"""Sound for a result: whose it is, and where in its file the result begins."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.errors import InputError, MediaError, MotionkitError, MotionkitWarning
from motionkit.media.clip import Clip
from motionkit.media.files import check_file
from motionkit.media.streams import audio_stream, clock_of, damage, first_video, has_audio, is_damage, open_container
from motionkit.media.targets import explain

if TYPE_CHECKING:
    import numpy as np
    from av.audio.stream import AudioStream
    from av.container import InputContainer

__all__ = ["Sound", "check_samples", "is_sound", "open_sound", "read_samples", "sound_of"]

LONGEST = 3600  # seconds that are held in memory at once
LOUDEST = 1e6  # of samples, of which 1 is full scale: what is louder is a damaged file of floats


def check_samples(samples: np.ndarray, name: str) -> None:
    """Raise for samples that are no sound, as float formats can hold them.

    Args:
        samples: Any shape, float.
        name: The file's, for the error.

    Raises:
        MediaError: One is not finite, or a million times too loud.
    """
    import numpy as np

    if not np.abs(samples).max(initial=0) < LOUDEST:  # false for NaN
        raise MediaError(
            "The sound holds samples that are no sound",
            got=f"{name}, with NaN, infinite or huge ones",
            expected="from -1 to 1",
            todo="Save it anew as 16 bit",
        )


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
    """The whole of a sound, S float32 in [-1, 1], mono; of a damaged one what is before the damage, with a warning.

    Args:
        sound: Which; read from its start.
        rate: Samples a second.

    Raises:
        InputError: It is longer than an hour.
        MediaError: The file is damaged from the start, or holds samples that are no sound.
    """
    import av
    import numpy as np

    parts: list[np.ndarray] = []
    count = 0
    with open_container(sound.path, "a file with sound") as container, damage(sound.path, "sound"):
        stream = audio_stream(container, sound.path, sound.track)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        try:
            for frame in container.decode(stream):
                new = [part.to_ndarray().reshape(-1) for part in resampler.resample(frame)]
                parts += new
                count += sum(map(len, new))
                if count > LONGEST * rate:
                    break
        except Exception as error:
            if not parts or not is_damage(error):
                raise
            message = f"The sound of {sound.path} is damaged ({explain(error)}); it is used up to there"
            warnings.warn(message, MotionkitWarning, 2)
        else:
            parts += [part.to_ndarray().reshape(-1) for part in resampler.resample(None)]
    if count > LONGEST * rate:
        raise InputError("The sound is too long", got=str(sound.path), expected="at most an hour")
    samples: np.ndarray = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    check_samples(samples, str(sound.path))
    return samples[int(sound.start * rate) :]
