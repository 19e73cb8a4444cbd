"""Input files: what counts as one, and the name under which FFmpeg opens that file and nothing else."""

from __future__ import annotations

import os
import re
import stat
from difflib import get_close_matches
from pathlib import Path

from motionkit.config.checks import check_path
from motionkit.errors import InputError, MediaError

__all__ = ["check_file", "check_no_address", "check_no_playlist", "ffmpeg_name"]

# Path("https://a") is https:/a. A drive letter is no scheme.
_ADDRESS = re.compile(r"(https?|ftps?|rtsp|rtmps?|s3|gs|hf|data|gdrive):", re.IGNORECASE)
# How files begin that only name other files.
_PLAYLISTS = (b"#EXTM3U", b"ffconcat version", b"v=0\r\n", b"v=0\n", b"[playlist]", b"<MPD", b"<smil")
_PLAYLIST_SUFFIXES = (".m3u8", ".m3u", ".ffconcat", ".sdp", ".pls", ".mpd")


def check_no_address(path: str | Path) -> None:
    """Raise for the address of a file on the net.

    Args:
        path: What was given for a file.

    Raises:
        InputError: It is an address.
    """
    if _ADDRESS.match(str(path)) and not os.path.isdir(Path(path).parent):
        raise InputError(
            "This is an address, not a file", got=str(path), todo="Download it first, then give the file that came"
        )


def check_file(path: str | Path) -> Path:
    """Return the path if it is a file with something in it.

    Args:
        path: What was given for a file.

    Raises:
        InputError: There is no such file, or it is a folder, a device or an address.
        MediaError: The file is empty, or may not be read.
    """
    file = check_path("file", path)
    if not str(path):
        raise InputError("The name of a file is empty", got="''")
    check_no_address(path)
    try:
        status = file.stat()
    except (FileNotFoundError, NotADirectoryError):
        near = get_close_matches(file.name, _names_beside(file), n=1)
        todo = f"Did you mean {near[0]}?" if near else None
        raise InputError("There is no such file", got=str(path), todo=todo) from None
    except PermissionError:
        raise MediaError("The file cannot be read", got=str(path), todo="Check its permissions") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError("This cannot be the name of a file", got=f"{str(path)[:80]!r} ({reason})") from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError("This is a folder where a file belongs", got=str(path))
    if not stat.S_ISREG(status.st_mode):
        raise InputError("This is no regular file", got=str(path), expected="a file, no device and no pipe")
    if not os.access(file, os.R_OK):
        raise MediaError("The file cannot be read", got=str(path), todo="Check its permissions")
    if status.st_size == 0:
        raise MediaError("The file is empty", got=str(path))
    return file


def check_no_playlist(file: Path) -> None:
    """Raise for a list of clips, which would have FFmpeg open other files and addresses.

    Args:
        file: One that can be read.

    Raises:
        MediaError: It is a playlist.
    """
    with file.open("rb") as stream:
        start = stream.read(512).removeprefix(b"\xef\xbb\xbf").lstrip()
    text = b"\0" not in start
    if start.startswith(_PLAYLISTS) or (text and (file.suffix.lower() in _PLAYLIST_SUFFIXES or b"<MPD" in start)):
        raise MediaError("This is a playlist, not a video", got=str(file), todo="Give the video that it names")


def ffmpeg_name(path: Path) -> str:
    """The name for FFmpeg to open: in names like ``concat:a|b``, ``http:/x`` or ``12:30.mp4`` it sees protocols.

    Args:
        path: Any file.
    """
    return f"file:{path.absolute()}"


def _names_beside(file: Path) -> list[str]:
    try:
        return [path.name for path in file.parent.iterdir()]
    except OSError:
        return []
