"""Containers and codecs: what phones, cameras, editors and the web hand out, and what only looks like a clip."""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from motionkit.errors import InputError, MediaError
from tests.robustness.fault import Call, Category, Place, Refused
from tests.robustness.giving import played, shows
from tests.robustness.making import CORNERS, SOUND, edited, encoders, film, made, numbered, quartered
from tests.support.clips import ffmpeg

__all__ = ["CONTAINERS"]

CONTAINERS = Category("containers and codecs")
H264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p")
NUMBERS = shows(8, (64, 48), fps=25, numbers=range(8), sound=False)
HEARD = shows(8, (64, 48), fps=25, numbers=range(8), sound=True)
CLEAR = [CORNERS[0], (255, 255, 255), CORNERS[2], CORNERS[3]]


def hole(frames: int = 4) -> list[object]:
    """Quartered pictures whose second quarter is transparent."""
    picture = quartered(channels=4)
    picture[:24, 32:, 3] = 0
    return [picture] * frames


# Codecs in the containers that they come in: name, file, options, whether there is sound.
WITH_NUMBERS: list[tuple[str, str, tuple[object, ...], bool]] = [
    ("H.264 and AAC in MP4", "a.mp4", (*H264, "-c:a", "aac"), True),
    ("H.264 in MP4, its index first", "a.mp4", (*H264, "-movflags", "+faststart"), False),
    ("a fragmented MP4, as streams are kept", "a.mp4", (*H264, "-movflags", "+frag_keyframe+empty_moov"), True),
    ("H.264 and ALAC in MOV", "a.mov", (*H264, "-c:a", "alac"), True),
    ("H.264 and PCM in MOV", "a.MOV", (*H264, "-c:a", "pcm_s16le"), True),
    ("H.264 with many B-frames in AVI", "a.avi", (*H264, "-bf", 4), False),
    ("H.264 and FLAC in Matroska", "a.mkv", (*H264, "-c:a", "flac"), True),
    ("H.264 and AC-3 in a transport stream", "a.ts", (*H264, "-c:a", "ac3"), True),
    ("H.264 in a camcorder's M2TS", "a.m2ts", (*H264, "-c:a", "ac3"), True),
    ("bare H.264 without a container", "a.h264", H264, False),
    ("HEVC in MP4 as phones write it", "a.mp4", ("-c:v", "libx265", "-tag:v", "hvc1", "-x265-params", "log-level=0"), True),
    ("bare HEVC without a container", "a.hevc", ("-c:v", "libx265", "-x265-params", "log-level=0"), False),
    ("AV1 in MP4", "a.mp4", ("-c:v", "libaom-av1", "-cpu-used", 8, "-pix_fmt", "yuv420p"), False),
    ("AV1 and Opus in WebM", "a.webm", ("-c:v", "libaom-av1", "-cpu-used", 8, "-pix_fmt", "yuv420p"), True),
    ("VP8 and Vorbis in WebM", "a.webm", ("-c:v", "libvpx", "-b:v", "1M", "-c:a", "libvorbis"), True),
    ("VP9 and Opus in WebM", "a.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p", "-b:v", "1M"), True),
    ("VP9 in IVF", "a.ivf", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p", "-b:v", "1M"), False),
    ("Motion JPEG and PCM in AVI", "a.avi", ("-c:v", "mjpeg", "-q:v", 3, "-c:a", "pcm_s16le"), True),
    ("Xvid in AVI", "a.avi", ("-c:v", "libxvid", "-q:v", 3), False),
    ("MPEG-4 in MP4", "a.m4v", ("-c:v", "mpeg4", "-q:v", 3), True),
    ("MPEG-2 in a programme stream", "a.mpg", ("-c:v", "mpeg2video", "-q:v", 3), True),
    ("MPEG-1 in a programme stream", "a.mpeg", ("-c:v", "mpeg1video", "-q:v", 3), True),
    ("MPEG-2 in MXF", "a.mxf", ("-c:v", "mpeg2video", "-q:v", 3, "-g", 1), False),
    ("WMV and WMA in ASF", "a.wmv", ("-c:v", "wmv2", "-q:v", 3), True),
    ("Sorenson in FLV", "a.flv", ("-c:v", "flv", "-q:v", 3, "-c:a", "libmp3lame"), True),
    ("Theora and Vorbis in Ogg", "a.ogv", ("-c:v", "libtheora", "-q:v", 10, "-c:a", "libvorbis"), True),
    ("HuffYUV in AVI", "a.avi", ("-c:v", "huffyuv",), False),
    ("FFV1 in Matroska", "a.mkv", ("-c:v", "ffv1",), False),
    ("raw video in AVI", "a.avi", ("-c:v", "rawvideo", "-pix_fmt", "bgr24"), False),
    ("raw video in NUT", "a.nut", ("-c:v", "rawvideo", "-pix_fmt", "yuv420p"), False),
    ("raw video in Y4M", "a.y4m", ("-pix_fmt", "yuv420p",), False),
    ("ProRes in MOV", "a.mov", ("-c:v", "prores_ks", "-profile:v", 2), True),
    ("CineForm in MOV", "a.mov", ("-c:v", "cfhd",), False),
]  # fmt: skip
for name, file, options, sound in WITH_NUMBERS:
    codecs = [str(word) for key, word in itertools.pairwise(options) if key in ("-c:v", "-c:a")]
    outcome = shows(8, (64, 48), fps=25, numbers=range(8), sound=sound)
    CONTAINERS.add(name, made(played(file), file, *options, sound=sound), outcome, needs=encoders(*codecs))
CONTAINERS.add(
    "H.263 and AAC in an old phone's 3GP",
    made(
        played("a.3gp"), "a.3gp", "-c:v", "h263", "-q:v", 3, "-c:a", "aac", sound=True, frames=numbered(8, (176, 144))
    ),
    shows(8, numbers=range(8), sound=True),
)
CONTAINERS.add(
    "DNxHR in MOV",
    made(
        played("a.mov"),
        "a.mov",
        "-c:v",
        "dnxhd",
        "-profile:v",
        "dnxhr_hq",
        "-pix_fmt",
        "yuv422p",
        frames=numbered(4, (256, 128)),
    ),
    shows(4, (256, 128), numbers=range(4)),
)
# AVI has no place for a sound that begins early: the film waits for it by one frame.
CONTAINERS.add(
    "Xvid and MP3 in AVI",
    made(played("a.avi"), "a.avi", "-c:v", "libxvid", "-q:v", 3, "-c:a", "libmp3lame", sound=True),
    shows(9, (64, 48), numbers=(0, *range(8)), sound=True),
)
CONTAINERS.add(
    "DV of a tape",
    made(
        played("a.dv"),
        "a.dv",
        "-c:v",
        "dvvideo",
        "-pix_fmt",
        "yuv420p",
        "-s",
        "720x576",
        "-r",
        25,
        frames=[quartered()] * 3,
    ),
    shows(3, fps=25, colours=CORNERS, within=20),
)
for name, file, options in [
    ("ProRes 4444 with alpha", "a.mov", ("-c:v", "prores_ks", "-profile:v", 4, "-pix_fmt", "yuva444p10le")),
    ("QuickTime Animation with alpha", "a.mov", ("-c:v", "qtrle", "-pix_fmt", "argb")),
    ("PNG with alpha in MOV", "a.mov", ("-c:v", "png",)),
    ("FFV1 with alpha", "a.mkv", ("-c:v", "ffv1", "-pix_fmt", "yuva444p")),
]:  # fmt: skip
    outcome = shows(4, (64, 48), colours=CLEAR)
    CONTAINERS.add(name, made(played(file), file, *options, frames=hole()), outcome)
CONTAINERS.add(
    "VP9 with alpha beside it",
    made(
        played("a.webm"),
        "a.webm",
        "-c:v",
        "libvpx-vp9",
        "-pix_fmt",
        "yuva420p",
        "-b:v",
        "1M",
        frames=[quartered(channels=4)] * 4,
    ),
    shows(4, (64, 48), colours=CORNERS, within=20),
)


def beside(*options: object, sound: bool = False, before: tuple[object, ...] = ()) -> Callable[[Path], object]:
    """Give a film further streams."""
    return lambda path: edited(path, "-c", "copy", *options, before=before)


def attached(path: Path) -> None:
    """A Matroska film with a font and a cover picture among its attachments."""
    Image.new("RGB", (32, 32), "red").save(path.parent.parent / "cover.jpg")
    (path.parent.parent / "font.ttf").write_bytes(b"\0\1\0\0" + bytes(60))
    kinds = ("-metadata:s:t:0", "mimetype=font/ttf", "-metadata:s:t:1", "mimetype=image/jpeg")
    files = ("-attach", path.parent.parent / "font.ttf", "-attach", path.parent.parent / "cover.jpg")
    edited(path, "-c", "copy", *files, *kinds)


def covered(path: Path) -> None:
    """A film whose first stream is the picture of its cover."""
    cover = path.parent.parent / "cover.png"
    Image.new("RGB", (32, 32), "red").save(cover)
    streams = ("-map", "0:v", "-map", "1", "-disposition:v:0", "attached_pic", "-disposition:v:1", "default")
    edited(path, *streams, "-c", "copy", before=("-i", cover))


def song(name: str, *options: object, cover: bool = False) -> Callable[[Place], Call]:
    """Sound alone, maybe with a picture of the cover."""

    def make(place: Place) -> Call:
        picture = place.out.parent / "cover.png"
        Image.new("RGB", (32, 32), "red").save(picture)
        art = ("-i", picture, "-map", "0:a", "-map", "1:v", "-c:v", "mjpeg", "-disposition:v:0", "attached_pic")
        ffmpeg(*SOUND, *(art if cover else ()), *options, "-t", 0.5, place.given / name)
        return played(name)(place)

    return make


SUBTITLES = "1\n00:00:00,000 --> 00:00:00,300\nHello\n\n"


def texts(place: Path) -> Path:
    path = place / "words.srt"
    path.write_text(SUBTITLES, encoding="utf-8")
    return path


def subtitled(path: Path) -> None:
    edited(path, "-c", "copy", "-c:s", "mov_text", "-map", "1", "-map", "0", before=("-i", texts(path.parent.parent)))


def only_subtitles(place: Place) -> Call:
    ffmpeg("-i", texts(place.out.parent), place.given / "a.mkv")
    return played("a.mkv")(place)


def content(name: str, data: bytes | str) -> Callable[[Place], Call]:
    """A file of just this."""

    def make(place: Place) -> Call:
        (place.given / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return played(name)(place)

    return make


def zipped(place: Place) -> Call:
    with zipfile.ZipFile(place.given / "a.mp4", "w") as archive:
        archive.write(film(place.out.parent / "inside.mp4", *H264), "inside.mp4")
    return played("a.mp4")(place)


add = CONTAINERS.add
add("Matroska with a font and a cover attached", made(played("a.mkv"), "a.mkv", *H264, then=attached), NUMBERS)
add("a cover picture before the film", made(played("a.mp4"), "a.mp4", *H264, then=covered), NUMBERS)
add("subtitles before the film", made(played("a.mp4"), "a.mp4", *H264, then=subtitled), NUMBERS)
add("a timecode track", made(played("a.mov"), "a.mov", *H264, "-timecode", "01:00:00:00"), NUMBERS)
add(
    "chapters and a title of many lines",
    made(played("a.mp4"), "a.mp4", *H264, "-metadata", "title=one\ntwo\tthree"),
    NUMBERS,
)
add(
    "two films in one file",
    made(
        played("a.mkv"),
        "a.mkv",
        "-map",
        "0",
        "-map",
        "1:v",
        *H264,
        "-frames:v",
        8,
        more=("-f", "lavfi", "-i", "color=s=32x32:r=25"),
    ),
    NUMBERS,
)
add(
    "two sounds, the second the default",
    made(
        played("a.mkv"), "a.mkv", "-map", "0", "-map", "1", "-map", "2", *H264, "-disposition:a:0", 0, "-disposition:a:1", "default",
        "-t", 0.32, more=(*SOUND, *SOUND),
    ),
    HEARD,
)  # fmt: skip
add("a sound of six channels", made(played("a.mkv"), "a.mkv", *H264, "-ac", 6, "-c:a", "ac3", sound=True), HEARD)
add("a sound of 8 kHz", made(played("a.mov"), "a.mov", *H264, "-ar", 8000, "-c:a", "pcm_s16le", sound=True), HEARD)
NO_VIDEO = r"The file has no video stream; got .*; expected a video"
# Speech drives models whose keypoints have names; this one's have none.
NO_NAMES = r"Expressions do not know this model's keypoints; got keypoints without names; .*or drive with a clip\.$"
for name, file, options, cover in [
    ("a song with its cover", "a.mp3", ("-c:a", "libmp3lame"), True),
    ("a song in M4A with its cover", "a.m4a", (), True),
    ("a voice message", "a.ogg", ("-c:a", "libopus"), False),
    ("sound alone in MP4", "a.mp4", (), False),
    ("sound alone in WAV", "a.wav", (), False),
    ("sound alone in FLAC", "a.flac", (), False),
]:
    add(name, song(file, *options, cover=cover), Refused(InputError, "keypoints", NO_NAMES))
add("subtitles alone in Matroska", only_subtitles, Refused(MediaError, "a.mkv", NO_VIDEO))
NO_CLIP = r"This is not a video that can be read; got .*; expected (mp4|a clip \(mp4)"
PLAYLIST = r"This is a playlist, not a video; got .*\. Give the video that it names\.$"
for name, file, data, says in [
    ("subtitles", "a.srt", SUBTITLES, NO_CLIP),
    ("a text named MP4", "a.mp4", "Dear customer,\nyour clip is ready.\n", NO_CLIP),
    ("a web page saved as MP4", "a.mp4", "<!DOCTYPE html><html><body>Sign in</body></html>", NO_CLIP),
    ("an error of a server saved as MP4", "a.mp4", '{"error": {"code": 403, "message": "forbidden"}}', NO_CLIP),
    ("a document named MP4", "a.mp4", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n", NO_CLIP),
    ("a pointer of Git LFS", "a.mp4", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", NO_CLIP),
    ("a playlist of HTTP live streaming", "a.m3u8", "#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", PLAYLIST),
    ("a playlist named MP4", "a.mp4", "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n", PLAYLIST),
    ("a list for FFmpeg to join", "a.ffconcat", "ffconcat version 1.0\nfile /etc/passwd\n", PLAYLIST),
    ("a list of DASH", "a.mpd", '<?xml version="1.0"?><MPD><Period/></MPD>', PLAYLIST),
    ("a description of a session", "a.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n", PLAYLIST),
    ("a playlist of a radio", "a.pls", "[playlist]\nFile1=http://127.0.0.1:9/\n", PLAYLIST),
]:
    add(name, content(file, data), Refused(MediaError, file, says))
add("a zip archive named MP4", zipped, Refused(MediaError, "a.mp4", NO_CLIP))
for name, file in [
    ("MP4 named JPEG", "a.jpg"), ("MP4 named PNG", "a.png"), ("MP4 named AVI", "a.avi"), ("MP4 named text", "a.txt"),
    ("MP4 without a suffix", "clip"), ("MP4 with a suffix in capitals", "A.MP4"),
]:  # fmt: skip
    add(
        name,
        made(played(file), "b.mp4", *H264, then=lambda path, file=file: path.rename(path.with_name(file))),
        NUMBERS,
    )
