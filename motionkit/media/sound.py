"""Sound for a result: whose it is, and where in its file the result begins."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from motionkit.errors import MediaError
from motionkit.media.clip import Clip
from motionkit.media.files import check_file
from motionkit.media.streams import audio_stream, clock_of, damage, first_video, has_audio, open_container

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

__all__ = ["Sound", "open_sound", "sound_of"]


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
