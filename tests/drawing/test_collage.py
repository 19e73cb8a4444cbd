"""Panels side by side, their captions, and contact sheets."""

from __future__ import annotations

import time
from fractions import Fraction

import numpy as np
import pytest
from skimage import data

from motionkit.config import OVERLAYS
from motionkit.drawing import captions, collage
from motionkit.drawing.collage import ContactSheet, Panel, contact_sheet, lay_out, scale_to_height
from motionkit.errors import InputError


def flat(width: int, height: int, colour: tuple[int, int, int] = (120, 40, 200)) -> np.ndarray:
    return np.full((height, width, 3), colour, dtype=np.uint8)


def numbered(count: int, width: int = 48, height: int = 32) -> list[np.ndarray]:
    """Frames whose every grey level is their own number."""
    return [np.full((height, width, 3), index, dtype=np.uint8) for index in range(count)]


def numbers_in(sheet: np.ndarray) -> list[int]:
    """Numbers of the frames on a sheet of ``numbered`` frames, without its paper."""
    return sorted(set(np.unique(sheet).tolist()) - {collage.PAPER})


def luminance(colours: np.ndarray) -> np.ndarray:
    """Relative luminance of sRGB colours in 0 … 255, as WCAG 2 defines it."""
    part = np.asarray(colours, dtype=np.float64) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def caption_area(frame: np.ndarray, captioned: np.ndarray) -> tuple[slice, slice]:
    rows, columns = np.nonzero((frame != captioned).any(axis=2))
    return slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)


def test_panels_stand_in_order_at_one_height():
    red, green, blue = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    panels = [Panel("", flat(100, 50, red)), Panel("", flat(60, 120, green)), Panel("", flat(80, 80, blue))]

    picture = lay_out(panels, gap=4)

    assert picture.shape == (120, 240 + 4 + 60 + 4 + 120, 3)  # widths 100·120/50, 60, 80·120/80
    assert (picture[:, :240] == red).all()
    assert (picture[:, 244:304] == green).all()
    assert (picture[:, 308:] == blue).all()
    assert (picture[:, 240:244] == collage.RULE).all()
    assert (lay_out(panels[::-1], gap=4)[:, :120] == blue).all()


@pytest.mark.parametrize(("width", "height", "asked"), [(33, 41, None), (64, 64, 51), (7, 5, 129), (300, 10, 1)])
def test_sizes_are_even_and_aspect_is_kept(width, height, asked):
    picture = lay_out([Panel("x", flat(width, height)), Panel("y", flat(width, height))], height=asked, gap=3)

    shown = asked or height
    assert picture.shape[0] == shown + shown % 2
    assert picture.shape[1] % 2 == 0
    panel = (picture.shape[1] - 3) / 2
    assert abs(panel - width * shown / height) <= 1.5


def test_an_odd_edge_repeats_the_last_row_and_column():
    frame = np.random.default_rng(0).integers(0, 256, (31, 45, 3), dtype=np.uint8)

    picture = lay_out([Panel("", frame)])

    assert np.array_equal(picture, np.pad(frame, ((0, 1), (0, 1), (0, 0)), mode="edge"))


def test_without_captions_the_pixels_are_the_frames():
    frame = data.astronaut()

    assert np.array_equal(lay_out([Panel("source", frame)], captions=False), frame)
    assert np.array_equal(lay_out([Panel("  ", frame)]), frame)


def test_frames_are_not_changed_and_not_shared():
    frame = data.astronaut()
    frame.setflags(write=False)
    before = frame.copy()

    picture = lay_out([Panel("source", frame)])
    picture[:] = 0

    assert np.array_equal(frame, before)


@pytest.mark.parametrize("height", [64, 128, 256, 512, 1080])
def test_a_caption_stays_small_and_in_its_corner(height):
    frame = flat(height, height)

    rows, columns = caption_area(frame, lay_out([Panel("driving", frame)]))

    assert columns.start == height - rows.stop == round(height / 32)
    assert columns.stop <= height / 2 if height >= 128 else columns.stop <= height
    assert rows.stop - rows.start <= max(16, height / 11)


def test_captions_of_neighbours_share_a_line():
    panels = [Panel("goal", flat(256, 256)), Panel("nose", flat(256, 256))]
    picture = lay_out(panels, gap=4)

    first, _ = caption_area(panels[0].frame, picture[:, :256])
    second, _ = caption_area(panels[1].frame, picture[:, 260:])

    assert first == second


@pytest.mark.parametrize("ground", ["white", "black", "noise", "chelsea"])
@pytest.mark.parametrize("height", [256, 512])
def test_captions_are_readable_on_any_ground(ground, height):
    noise = np.random.default_rng(0).integers(0, 256, (height, height, 3), dtype=np.uint8)
    frame = {
        "white": flat(height, height, (255, 255, 255)),
        "black": flat(height, height, (0, 0, 0)),
        "noise": noise,
        "chelsea": scale_to_height(data.chelsea(), height),
    }[ground]

    picture = lay_out([Panel("source", frame)])
    label = captions._label("source", frame.shape[1], height)
    assert label is not None
    keep = label[0][..., 0]
    top, left = height - round(height / 32) - keep.shape[0], round(height / 32)
    area = picture[top : top + keep.shape[0], left : left + keep.shape[1]]
    strip, text = area[keep == np.median(keep)], area[keep == 0]

    assert len(text) > 20  # some strokes are as wide as a pixel at least
    assert len(strip) > keep.size / 2
    contrast = (luminance(text).min() + 0.05) / (luminance(strip).max() + 0.05)
    assert contrast >= 4.5


def test_a_caption_blends_without_wrapping_around():
    for grey in (0, 1, 127, 254, 255):
        frame = flat(256, 256, (grey, grey, grey))
        picture = lay_out([Panel("result", frame)]).astype(int)
        low, high = min(grey, *captions.PILL), max(grey, *captions.TEXT)
        assert low - 1 <= picture.min() and picture.max() <= high + 1


@pytest.mark.parametrize("width", [60, 90, 256])
def test_a_long_caption_ends_in_an_ellipsis_inside_its_panel(width):
    from PIL import ImageFont

    frame = flat(width, 256)
    _, columns = caption_area(frame, lay_out([Panel("a caption that is much too long for this panel", frame)]))

    assert columns.stop <= width - round(256 / 32)
    font = ImageFont.load_default(13)
    fitted = captions._fit("a caption that is much too long for this panel", width - 2 * 8 - 2 * 8, font)
    assert fitted.endswith("…")
    assert "a caption that is much too long for this panel".startswith(fitted[:-1])
    assert font.getlength(fitted) <= width - 32


def test_a_panel_too_small_for_a_caption_stays_as_it_is():
    for width, height in ((12, 200), (200, 12), (2, 2)):
        frame = flat(width, height)
        assert np.array_equal(lay_out([Panel("source", frame)]), frame)


def test_a_caption_over_two_lines_becomes_one():
    frame = flat(256, 256)

    assert np.array_equal(lay_out([Panel("my\n  face", frame)]), lay_out([Panel("my face", frame)]))


def test_scaling_keeps_a_frame_that_fits():
    frame = data.astronaut()

    assert scale_to_height(frame, 512) is frame
    assert scale_to_height(frame[:, :256], 100).shape == (100, 50, 3)


def test_every_overlay_of_the_options_has_a_panel():
    assert set(OVERLAYS) < set(collage.PANELS)


@pytest.mark.alone
def test_laying_out_costs_little():
    panels = [Panel(name, flat(256, 256)) for name in ("source", "driving", "result")]
    lay_out(panels)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        lay_out(panels)
        times.append(time.perf_counter() - start)

    assert min(times) < 0.005


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: lay_out([]), "needs panels"),
        (
            lambda: lay_out([Panel("source", np.zeros((4, 4, 3)))]),
            "panel 'source' is not a picture.*float64.*H W 3 uint8",
        ),
        (lambda: lay_out([Panel("source", np.zeros((4, 4), np.uint8))]), r"shape \(4, 4\)"),
        (lambda: lay_out([Panel("source", np.zeros((0, 4, 3), np.uint8))]), r"shape \(0, 4, 3\)"),
        (lambda: lay_out([Panel("source", None)]), "NoneType"),  # type: ignore[arg-type]
        (lambda: lay_out([Panel("source", flat(4, 4))], height=0), "at least 1 pixel"),
        (lambda: lay_out([Panel("source", flat(4, 4))], gap=-1), "gap between panels is negative; got -1"),
        (lambda: contact_sheet([]), "needs frames"),
        (lambda: contact_sheet(numbered(3), moments=0), "moments is out of range; got 0"),
        (lambda: contact_sheet(numbered(3), columns=0), "needs columns; got 0"),
        (lambda: contact_sheet([flat(4, 4), flat(6, 4)]), "differ in size; got 6×4 at frame 1; expected 4×4"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_a_contact_sheet_shows_first_last_and_even_moments():
    frames = numbered(101)

    assert numbers_in(contact_sheet(frames)) == [0, 20, 40, 60, 80, 100]
    assert numbers_in(contact_sheet(iter(frames), total=101)) == [0, 20, 40, 60, 80, 100]
    assert numbers_in(contact_sheet(np.stack(frames), moments=3)) == [0, 50, 100]
    assert numbers_in(contact_sheet(frames, moments=1)) == [50]
    assert numbers_in(contact_sheet(frames[:4], moments=6)) == [0, 1, 2, 3]


def test_moments_are_read_row_by_row():
    sheet = contact_sheet(numbered(6), moments=6, columns=3)
    gap = max(2, round(32 / 20))

    assert sheet.shape == (2 * (32 + gap) + gap, 3 * (48 + gap) + gap, 3)
    for number in range(6):
        row, column = divmod(number, 3)
        top, left = gap + row * (32 + gap), gap + column * (48 + gap)
        assert (sheet[top : top + 32, left : left + 48] == number).all()
    assert (sheet[:gap] == collage.PAPER).all() and (sheet[:, :gap] == collage.PAPER).all()


@pytest.mark.parametrize("length", [1, 2, 7, 24, 25, 60, 200])
@pytest.mark.parametrize("moments", [2, 5, 6])
def test_an_unknown_length_gives_nearly_even_moments_in_bounded_memory(length, moments):
    sheet = ContactSheet(None, moments)
    for index, frame in enumerate(numbered(length, 8, 8)):
        sheet.add(index, frame)
        assert len(sheet._kept) <= collage.KEPT * moments
    shown = numbers_in(sheet.picture())

    assert shown[0] == 0 and shown[-1] == length - 1
    assert len(shown) == min(length, moments)
    ideal = np.linspace(0, length - 1, len(shown))
    distance = (length - 1) / max(1, len(shown) - 1)
    assert np.abs(np.array(shown) - ideal).max() <= max(distance / 4, 0.5)


@pytest.mark.parametrize("announced", [40, 90, 101, 110, 300])
def test_a_wrong_length_still_shows_the_first_and_the_last_frame(announced):
    shown = numbers_in(contact_sheet(iter(numbered(101)), total=announced))

    assert shown[0] == 0 and shown[-1] == 100
    assert 2 <= len(shown) <= 6


def test_a_sheet_keeps_copies():
    sheet, buffer = ContactSheet(3, 3), flat(16, 16)
    for index in range(3):
        buffer[:] = index
        sheet.add(index, buffer)

    assert numbers_in(sheet.picture()) == [0, 1, 2]


def test_times_are_written_into_the_upper_left_corner_of_each_moment():
    frames = [flat(256, 256)] * 50

    plain = contact_sheet(frames, moments=2, columns=2)
    timed = contact_sheet(frames, moments=2, columns=2, fps=Fraction(30000, 1001))

    gap = round(256 / 20)
    for left in (gap, 2 * gap + 256):
        cell = np.s_[gap : gap + 256, left : left + 256]
        rows, columns = caption_area(plain[cell], timed[cell])
        assert rows.start == columns.start == 8
        assert rows.stop < 64 and columns.stop < 96
    assert (plain != timed).any(axis=2).sum() < 2 * 64 * 96


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "0.0 s"), (1.26, "1.2 s"), (59.99, "59.9 s"), (60, "1:00.0"), (75.3, "1:15.3")]
)
def test_times_read_as_people_write_them(seconds, text):
    assert collage._time(seconds) == text


def test_a_wide_collage_gets_few_columns_and_a_sheet_of_bounded_width():
    wide = contact_sheet([flat(776, 256)] * 6)
    square = contact_sheet([flat(256, 256)] * 6)
    huge = contact_sheet([flat(5800, 1080)] * 6, moments=2)

    assert (wide.shape[1] > 2 * 776) and (wide.shape[1] < 3 * 776)
    assert (square.shape[1] > 3 * 256) and (square.shape[1] < 4 * 256)
    assert huge.shape[1] <= collage.SHEET_WIDTH
    assert all(size % 2 == 0 for sheet in (wide, square, huge) for size in sheet.shape[:2])
