"""How well the watermark survives, what it costs, and what it finds where there is none: the figures of docs/labels.md.

``python -m tests.trust.measure --clips 50 --frames 10000 [--more FOLDER]`` prints the tables. FOLDER may hold clips and
portraits beside the samples. Every clip is a second long, 256×256, animated without a badge and without metadata.
``--peer`` measures invisible-watermark in the same way instead; ``tests/trust/peer.py`` says how to get it.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from skimage import data

import motionkit as mk
from motionkit import faces, media, samples, trust
from motionkit.config import AnimateOptions
from motionkit.frames import Frame, decibels
from motionkit.trust.watermark import WatermarkDetector
from tests.support.clips import FFMPEG
from tests.trust import peer

Clip = list[Frame]
SIDE, SECOND, FPS = 256, 25, Fraction(25)
NATURAL = ("astronaut", "coffee", "chelsea", "rocket", "brick", "grass", "gravel", "page", "coins", "camera", "retina")


def encoded(*arguments: str) -> Callable[[Clip], Clip]:
    """What ffmpeg makes of a clip."""

    def run(clip: Clip) -> Clip:
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / ("a.gif" if "gif" in arguments else "a.mp4")
            height, width = clip[0].shape[:2]
            words = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", str(FPS), "-i", "-"]
            codec = [] if "gif" in arguments else ["-c:v", "libx264", "-pix_fmt", "yuv420p"]
            subprocess.run(
                [FFMPEG, "-v", "error", *words, *codec, *arguments, str(target)],
                input=np.stack(clip).tobytes(),
                check=True,
            )
            return list(media.open_clip(target))

    return run


def each(change: Callable[[Image.Image], Image.Image]) -> Callable[[Clip], Clip]:
    """What Pillow makes of every frame, encoded as a clip again."""
    return lambda clip: encoded("-crf", "23")([np.asarray(change(Image.fromarray(frame))) for frame in clip])


def jpeg(picture: Image.Image, quality: int) -> Image.Image:
    """Compressed as a picture."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


ATTACKS: dict[str, Callable[[Clip], Clip]] = {
    "H.264, CRF 23": encoded("-crf", "23"),
    "H.264, CRF 28": encoded("-crf", "28"),
    "H.264, CRF 33": encoded("-crf", "33"),
    "half as large": encoded("-crf", "23", "-vf", "scale=iw/2:ih/2"),
    "half as large, CRF 28": encoded("-crf", "28", "-vf", "scale=iw/2:ih/2"),
    "1.5 times as large": encoded("-crf", "23", "-vf", "scale=iw*1.5:ih*1.5"),
    "a tenth cropped": encoded("-crf", "23", "-vf", "crop=iw*0.9:ih*0.9"),
    "a tenth cropped, CRF 28": encoded("-crf", "28", "-vf", "crop=iw*0.9:ih*0.9"),
    "GIF": encoded("-f", "gif"),
    "like a screenshot": each(lambda p: jpeg(p.resize((300, 300), Image.Resampling.BILINEAR), 80)),
    "brighter by a third": each(lambda p: ImageEnhance.Brightness(p).enhance(1.33)),
    "darker by a third": each(lambda p: ImageEnhance.Brightness(p).enhance(0.67)),
    "blurred, 1 pixel": each(lambda p: p.filter(ImageFilter.GaussianBlur(1))),
    "one frame, JPEG 70": lambda clip: [np.asarray(jpeg(Image.fromarray(clip[len(clip) // 2]), 70))],
    "mirrored": encoded("-crf", "23", "-vf", "hflip"),
    "half of the frames": encoded("-crf", "23", "-r", "12.5"),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--searched", type=int, default=1000, help="of these frames, how many are searched wholly")
    parser.add_argument("--more", type=Path)
    parser.add_argument("--peer", action="store_true", help="invisible-watermark's dwtDct")
    given = parser.parse_args()
    if given.peer:
        survival(given.clips, given.more, peer.mark, peer.chance)
        return
    survival(given.clips, given.more, ours, lambda clip: trust.find_watermark(clip).chance)
    false_alarms(given.frames, given.searched, given.more)


def ours(clip: Clip) -> Clip:
    """The frames with motionkit's mark."""
    return [trust.mark_frame(frame) for frame in clip]


def survival(count: int, more: Path | None, mark: Callable[[Clip], Clip], chance: Callable[[Clip], float]) -> None:
    """How many clips still say it after each attack, and what the mark costs."""
    model = mk.load_model("heads", device="cpu")
    seen: dict[str, list[float]] = {name: [] for name in ATTACKS}
    quality, marking, making = [], 0.0, 0.0
    for clip in animations(count, more, model):
        begun = time.perf_counter()
        marked = mark(clip.frames)
        marking += time.perf_counter() - begun
        making += clip.seconds
        error = np.mean(
            [np.square((a.astype(float) - b) / 255).mean() for a, b in zip(marked, clip.frames, strict=True)]
        )
        quality.append(decibels(float(error)))
        for name, attack in ATTACKS.items():
            seen[name].append(chance(attack(marked)))
        print(".", end="", file=sys.stderr, flush=True)
    print(f"{count} clips: PSNR median {np.median(quality):.1f} dB, least {min(quality):.1f} dB;", end=" ")
    print(f"marking takes {marking / making:.1%} of the animation's own time")
    print("\n| after | found | chance in the worst clip | in the median clip |\n|---|---|---|---|")
    for name, chances in seen.items():
        share = np.mean(np.array(chances) <= trust.FALSE_ALARM)
        print(f"| {name} | {share:.0%} | {max(chances):.0e} | {np.median(chances):.0e} |", flush=True)


class Animation:
    """Frames, and the seconds that they took."""

    def __init__(self, frames: Clip, seconds: float) -> None:
        self.frames, self.seconds = frames, seconds


def animations(count: int, more: Path | None, model: mk.Model) -> Iterator[Animation]:
    """A second each, of sources and drivers in turn."""
    clips = [samples.driving_clip(), samples.driving_clip("nod"), *files(more, (".mp4",))]
    drivers = [frame for path in clips for frame in squares(list(islice(media.open_clip(path), 8 * SECOND)))]
    per = [drivers[at : at + SECOND] for at in range(0, len(drivers) - SECOND + 1, SECOND)]
    sources = [squares([media.read_image(path)])[0] for path in (samples.portrait(), *files(more, (".jpg", ".png")))]
    sources += [driver[0] for driver in per]
    random = np.random.default_rng(0)
    for number in range(count):
        source = sources[number % len(sources)]
        source = source[:, ::-1].copy() if number % 2 else source
        driver = per[int(random.integers(len(per)))]
        options = AnimateOptions(strength=float(random.uniform(0.7, 1.5)), lost="follow")
        begun = time.perf_counter()
        frames = list(mk.animate(source, driver, model=model, options=options))
        yield Animation(frames, time.perf_counter() - begun)


def files(folder: Path | None, suffixes: tuple[str, ...]) -> list[Path]:
    """Those of a folder with one of these suffixes."""
    return [] if folder is None else sorted(path for path in folder.iterdir() if path.suffix in suffixes)


def squares(frames: Clip) -> Clip:
    """The square of the first frame's face, SIDE pixels."""
    (box,) = faces.choose_square(frames[0], crop="auto" if frames[0].shape[0] != frames[0].shape[1] else "none")
    return [faces.crop(frame, box, size=SIDE) for frame in frames]


def false_alarms(count: int, searched: int, more: Path | None) -> None:
    """What is found in frames without a mark, natural and synthetic."""
    straight, best, wrong = [], [], 0
    for number, frame in enumerate(unmarked(count, more)):
        detector = WatermarkDetector()
        detector.add(frame)
        straight.append(detector.straight_score())
        if number % max(count // searched, 1) == 0:
            finding = detector.finding()
            wrong += finding.found
            best.append(finding.chance)
    scores = np.array(straight)
    print(f"\n{count} unmarked frames: mean {scores.mean():+.3f}, deviation {scores.std():.3f},", end=" ")
    print(f"largest {scores.max():.2f}")
    print("(of as many normal numbers: 0, 1, and the largest about " + f"{np.sqrt(2 * np.log(count)) - 0.4:.1f})")
    print(f"searched at every scale and place: {len(best)}, found {wrong}; the least chance given {min(best):.1e}")


def unmarked(count: int, more: Path | None) -> Iterator[Frame]:
    """Crops of natural pictures and clips, and made-up patterns, in turn."""
    random = np.random.default_rng(1)
    pictures = [np.atleast_3d(getattr(data, name)()) for name in NATURAL]
    pictures = [picture[..., :3] if picture.shape[2] >= 3 else picture.repeat(3, axis=2) for picture in pictures]
    for path in (samples.driving_clip(), *files(more, (".mp4",))):
        pictures += list(media.open_clip(path))[:: SECOND // 2]
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for number in range(count):
        if number % 4 == 3:
            kind, period = random.integers(3), float(random.uniform(3, 60))
            wave = np.sin(2 * np.pi * (rows * random.normal() + columns * random.normal()) / period)
            plane = (wave, np.sign(wave), wave + random.normal(0, 0.3, rows.shape))[kind]
            grey = np.clip(128 + 90 * plane, 0, 255).astype(np.uint8)
            yield np.repeat(grey[..., None], 3, axis=2)
            continue
        picture = pictures[int(random.integers(len(pictures)))]
        side = int(random.integers(128, min(picture.shape[:2]) + 1))
        top, left = (int(random.integers(0, length - side + 1)) for length in picture.shape[:2])
        part = Image.fromarray(np.ascontiguousarray(picture[top : top + side, left : left + side]))
        frame = np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        yield frame[:, ::-1].copy() if random.integers(2) else frame


if __name__ == "__main__":
    main()
