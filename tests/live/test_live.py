"""Live animation: the session against `animate`, the recorder against its clip, the widget by its messages."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import motionkit as mk
from motionkit import media, samples, trust
from motionkit.config import ModelConfig
from motionkit.errors import InputError, MediaError, TemplateError
from motionkit.live.clip import LiveClip
from motionkit.live.session import LiveSession, Recorder
from motionkit.model import Model
from motionkit.options import AnimateOptions
from tests.conftest import seeded_model, tiny_config
from tests.support import clips

PLAIN = AnimateOptions(label=False)
WAIT = 20  # seconds


def named_config() -> ModelConfig:
    return tiny_config(keypoint_names=("a", "b", "c"), keypoint_groups={"left": ("a",), "rest": ("b", "c")})


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(seeded_model(named_config()), device="cpu", fingerprint="f" * 64)


def pictures(count: int, side: int = 32, seed: int = 0) -> list[np.ndarray]:
    """Smooth random pictures, all different."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return [np.asarray(Image.fromarray(c).resize((side, side), Image.Resampling.BICUBIC)) for c in coarse]


SOURCE, *DRIVING = pictures(7)


def live(model: Model, frames: list[np.ndarray], fps: float = 30.0, **session: Any) -> list[np.ndarray]:
    made = LiveSession(model, SOURCE, **{"options": PLAIN, **session})
    return [made.step(frame, at=5 + i / fps).frame for i, frame in enumerate(frames)]


@pytest.mark.parametrize(
    "options",
    [PLAIN, PLAIN.replace(strength=1.6, gains={"left": 2.0, "b": 0}), PLAIN.replace(relative=False, motion_limit=None),
     PLAIN.replace(smoothing=0.7), AnimateOptions(motion_limit=0.1)],
)  # fmt: skip
def test_a_session_gives_what_animate_gives(model: Model, options: AnimateOptions) -> None:
    expected = list(mk.animate(SOURCE, DRIVING, model=model, options=options.replace(batch_size=1), fps=12))
    if options.label:
        expected = [trust.label_frame(frame) for frame in expected]
    got = live(model, DRIVING, fps=12, options=options)
    # Smoothing sees the rate as differences of times, so that the last bit of a float may differ.
    assert max(int(np.abs(a.astype(int) - b).max()) for a, b in zip(got, expected, strict=True)) <= bool(
        options.smoothing
    )
    assert all((a != b).any() for a, b in pairwise(got))


def test_smoothing_goes_by_the_frames_own_times(model: Model) -> None:
    options = PLAIN.replace(smoothing=0.8)
    slow, fast = (live(model, DRIVING, fps=fps, options=options) for fps in (8, 60))
    plain = live(model, DRIVING)
    lag = [np.abs(np.array(frames[1:]).astype(int) - plain[1:]).mean() for frames in (slow, fast)]
    assert 0 < lag[0] < lag[1]
    # After a pause the filter begins anew: nothing of the old pose is left in the picture.
    session = LiveSession(model, SOURCE, options=options)
    got = [session.step(frame, at=10.0 * i).frame for i, frame in enumerate(DRIVING)]
    assert np.array_equal(got, plain)


def test_calibrating_makes_the_next_frame_neutral(model: Model) -> None:
    session = LiveSession(model, SOURCE, options=PLAIN)
    for frame in DRIVING[:3]:
        session.step(frame)
    session.calibrate()
    got = [session.step(frame).frame for frame in DRIVING[3:]]
    assert np.array_equal(got, live(model, DRIVING[3:]))
    still = live(model, DRIVING, options=PLAIN.replace(strength=0.0))
    assert np.array_equal(got[0], still[0]) and all(np.array_equal(still[0], frame) for frame in still)


def test_mirror_is_the_flipped_frame_and_the_neutral_pose_follows(model: Model) -> None:
    flipped = [np.ascontiguousarray(frame[:, ::-1]) for frame in DRIVING]
    expected = live(model, flipped)
    assert np.array_equal(live(model, DRIVING, mirror=True), expected)
    session = LiveSession(model, SOURCE, options=PLAIN)
    session.step(DRIVING[0])
    session.mirror = True
    assert np.array_equal([session.step(frame).frame for frame in DRIVING[1:]], expected[1:])
    session.mirror = False
    assert np.array_equal(session.step(DRIVING[1]).frame, live(model, DRIVING)[1])


def test_options_and_source_change_between_steps_and_a_held_pose_follows(model: Model) -> None:
    session = LiveSession(model, SOURCE, options=PLAIN)
    assert session.redraw() is None
    session.step(DRIVING[0])
    assert session.step(DRIVING[1]).index == 1
    session.options = PLAIN.replace(strength=1.5, gains={"rest": 0.5})
    held = session.redraw()
    assert held is not None and held.index == 2
    assert np.array_equal(held.frame, live(model, DRIVING[:2], options=session.options)[1])
    session.set_source(DRIVING[5])
    session.options = PLAIN
    other = list(mk.animate(DRIVING[5], DRIVING[:2], model=model, options=PLAIN.replace(batch_size=1)))
    again = session.redraw()
    assert again is not None and np.array_equal(again.frame, other[1])


def test_keypoints_drive_as_the_frames_that_they_come_from(model: Model) -> None:
    session = LiveSession(model, SOURCE, options=PLAIN, mirror=True)  # keypoints are not flipped
    results = [LiveSession(model, SOURCE).step(frame) for frame in DRIVING]
    got = [session.follow(result.driving_keypoints).frame for result in results]
    assert np.array_equal(got, live(model, DRIVING))
    assert all(result.times.detect > 0 and result.times.generate > 0 for result in results)


def test_what_has_no_meaning_live_is_refused(model: Model) -> None:
    for options, words in (
        (AnimateOptions(reference="best"), "Calibrate"),
        (AnimateOptions(paste_back=True), "paste_back"),
        (AnimateOptions(gains={"nose": 2.0}), "left"),
        (AnimateOptions(size=64), "32"),
    ):
        with pytest.raises(InputError, match=words):
            LiveSession(model, SOURCE, options=options)
    session = LiveSession(model, SOURCE)
    with pytest.raises(InputError, match="not square"):
        session.step(np.zeros((32, 48, 3), np.uint8))
    with pytest.raises(InputError, match="H W 3 uint8"):
        session.step(np.zeros((32, 32, 3)))
    with pytest.raises(InputError, match="Nothing is being recorded"):
        session.stop_recording()


def test_a_recording_keeps_time_whatever_the_rate(tmp_path: Path) -> None:
    times = [0.0, 0.031, 0.16, 0.17, 0.175, 0.5, 0.55]
    recorder = Recorder(tmp_path / "a.mp4")
    for number, at in enumerate(times):
        recorder.add(clips.frame(number + 1), 100 + at)
    clip = recorder.finish(100.8)
    # Each slot shows the newest frame at its time, to half a slot.
    slots = [max(i for i, at in enumerate(times) if at <= (slot + 0.5) / 25) + 1 for slot in range(20)]
    got = [clips.number(frame) for frame in media.open_clip(clip.path)]
    assert got == slots
    assert (clip.frames, clip.results, clip.seconds) == (20, len(set(slots)), 0.8)
    assert media.open_clip(clip.path).info.fps == Fraction(25)
    assert trust.SOURCE_TYPE in media.read_metadata(clip.path)["comment"]


def test_a_recording_of_a_single_moment_has_one_frame_and_an_empty_one_is_told(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "one.mp4")
    recorder.add(clips.frame(3), 1.0)
    assert recorder.finish(1.0).frames == 1
    with pytest.raises(InputError, match="at least one frame"):
        Recorder(tmp_path / "none.mp4").finish(1.0)
    dropped = Recorder(tmp_path / "dropped.mp4")
    dropped.add(clips.frame(3), 1.0)
    dropped.add(clips.frame(4), 2.0)
    dropped.discard()
    with pytest.raises(MediaError, match="folder is not there"):
        Recorder(tmp_path / "no" / "a.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["one.mp4"]


def test_a_session_records_what_it_shows(model: Model, tmp_path: Path) -> None:
    session = LiveSession(model, SOURCE, options=AnimateOptions())
    session.step(DRIVING[0], at=0)
    session.record(tmp_path / "pngs", fps=Fraction(10))
    with pytest.raises(InputError, match="under way"):
        session.record(tmp_path / "b.mp4")
    shown = [session.step(frame, at=1 + i / 10).frame for i, frame in enumerate(DRIVING)]
    clip = session.stop_recording(at=1 + len(DRIVING) / 10)
    assert np.array_equal(list(media.open_clip(clip.path)), shown) and clip.results == len(shown)
    session.record(tmp_path / "b.mp4")
    session.step(DRIVING[0])
    session.close()
    assert [path.name for path in tmp_path.iterdir()] == ["pngs"]


class Clock:
    """A time that moves when told to, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Ten frames at 20 a second."""
    return clips.make(tmp_path / "numbered.mp4", count=10, fps=Fraction(20))


def player(path: Path, model: Model, clock: Clock) -> LiveClip:
    # All of the numbered frames' bits, without a face to look for.
    return LiveClip(path, model=model, options=AnimateOptions(crop="centre"), clock=clock, sleep=clock.sleep)


def next_index(clip: LiveClip) -> int:
    clip.next()
    return clip.index


def test_a_clip_plays_in_real_time_round_and_round_and_no_frame_twice(numbered: Path, model: Model) -> None:
    clock = Clock()
    clip = player(numbered, model, clock)
    quick = [next_index(clip) for _ in range(25)]
    assert quick == list(range(25)) and clock.now == pytest.approx(50 + 24 / 20)
    seen = []
    for _ in range(8):  # somebody who takes 0.13 s for each
        clock.sleep(0.13)
        clip.next()
        assert clip.index == pytest.approx((clock.now - 50) * 20, abs=1)
        seen.append(clip.index)
    assert all(2 <= b - a <= 3 for a, b in pairwise(seen))
    clip.rewind()
    assert next_index(clip) == 0


def test_the_picture_is_the_clips_and_repeats_with_it(numbered: Path, model: Model) -> None:
    clip = player(numbered, model, Clock())
    frames = [clip.next().frame for _ in range(20)]
    whole = list(media.open_clip(numbered))
    for i, frame in enumerate(frames):
        assert isinstance(frame, np.ndarray) and frame.shape == (32, 32, 3)
        middle = whole[i % 10][:, 8:56]
        expected = np.asarray(Image.fromarray(middle).resize((32, 32), Image.Resampling.BOX))
        assert np.abs(frame.astype(int) - expected).mean() < 12


def test_a_clip_that_decodes_slowly_plays_slower(numbered: Path, model: Model) -> None:
    clock = Clock()
    clip = player(numbered, model, clock)
    assert next_index(clip) == 0
    clock.sleep(60)
    assert next_index(clip) == 20  # a second on, not a minute
    clock.sleep(0.11)
    assert next_index(clip) == 22


def test_a_template_plays_as_its_clip(model: Model, numbered: Path, tmp_path: Path) -> None:
    options = AnimateOptions(crop="centre")
    template = mk.extract(numbered, model=model, options=options)
    mk.save_template(tmp_path / "a.motion", template)
    clip = player(tmp_path / "a.motion", model, Clock())
    assert not clip.pictures
    for i in range(12):
        driving = clip.next().keypoints
        assert driving is not None
        assert (driving.value == template.keypoints.value[i % 10]).all()
    other = Model(seeded_model(tiny_config(name="other")), device="cpu", fingerprint="e" * 64)
    with pytest.raises(TemplateError, match="other"):
        LiveClip(tmp_path / "a.motion", model=other, options=options)


class Browser:
    """The page's side of a widget: sends as the page does, keeps what it is sent."""

    def __init__(self, model: Model, folder: Path, source: Path | None = None) -> None:
        from motionkit.widgets.webcam import Webcam

        sent: list[tuple[dict[str, Any], list[bytes]]] = []

        class Heard(Webcam):
            def send(self, content: Any, buffers: Any = None) -> None:
                sent.append((content, list(buffers or ())))

        self.sent = sent
        options = AnimateOptions(crop="centre", label=False)
        session = LiveSession(model, SOURCE, options=options, mirror=True)
        self.widget = Heard(session, source or samples.portrait(), output=folder / "out")
        self.count = 0

    def tell(self, kind: str, *buffers: bytes, **content: Any) -> None:
        self.widget._take(self.widget, {"kind": kind, **content}, [memoryview(data) for data in buffers])

    def draw(self, kind: str, *buffers: bytes) -> dict[str, Any]:
        """One request and its answer."""
        self.count += 1
        self.tell(kind, *buffers, id=self.count, view="v")
        return self.until(lambda content: content.get("id") == self.count)[0]

    def until(self, right: Callable[[dict[str, Any]], bool]) -> tuple[dict[str, Any], list[bytes]]:
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            for answer in list(self.sent):
                if right(answer[0]):
                    return answer
            time.sleep(0.005)
        raise AssertionError(f"no answer among {[content for content, _ in self.sent]}")

    def heard(self, kind: str) -> dict[str, Any]:
        """The next message of a kind that comes, taken off the list."""
        content, _ = answer = self.until(lambda content: content["kind"] == kind)
        self.sent.remove(answer)
        return content

    def noticed(self, words: str) -> None:
        """Wait for a notice with these words, and dismiss it as the page does."""
        self.wait(lambda: words in self.widget.notice.get("text", ""))
        self.tell("dismiss")
        assert self.widget.notice == {}

    def wait(self, condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + WAIT
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)


def to_jpeg(frame: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def from_jpeg(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@pytest.fixture
def browser(model: Model, tmp_path: Path) -> Iterator[Browser]:
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    opened = Browser(model, tmp_path)
    opened.wait(lambda: opened.widget.source)
    yield opened
    opened.widget.close()


def test_a_frame_is_answered_with_a_result_and_its_times(browser: Browser, model: Model) -> None:
    widget = browser.widget
    assert widget.setup["side"] == 48 and widget.setup["groups"] == ["left", "rest"]
    started = {name: getattr(widget, name) for name in ("strength", "smoothing", "gains")}
    assert widget.setup["start"] == started, "what Reset goes back to, whatever is set and reloaded meanwhile"
    assert widget.source["name"] == "sample portrait"
    portrait = media.read_image(samples.portrait())
    square = np.asarray(Image.fromarray(portrait).resize((32, 32), Image.Resampling.BOX))
    assert np.abs(from_jpeg(widget.source_picture).astype(int) - square).mean() < 12
    browser.tell("driving", camera=True)
    browser.heard("opened")
    sent = [to_jpeg(frame) for frame in DRIVING]
    answers = [browser.draw("frame", data) for data in sent]
    results = [from_jpeg(buffers[0]) for content, buffers in browser.sent if content["kind"] == "result"]
    session = LiveSession(model, square, options=PLAIN, mirror=True)
    session.step(from_jpeg(sent[0]))
    assert [content["index"] for content in answers] == list(range(len(DRIVING)))
    assert len({result.tobytes() for result in results}) == len(DRIVING)
    for content in answers:
        steps = dict(content["times"])
        assert set(steps) == {"wait", "read", "detect", "transfer", "generate", "finish", "jpeg", "kernel"}
        assert min(steps.values()) >= 0 and sum(steps.values()) - steps["kernel"] <= steps["kernel"] + 0.5


def test_sliders_are_the_sessions_options(browser: Browser) -> None:
    browser.draw("frame", to_jpeg(DRIVING[0]))
    moved = browser.draw("frame", to_jpeg(DRIVING[1]))
    widget = browser.widget
    widget.strength, widget.smoothing, widget.gains, widget.mirror = 0.0, 0.5, {"left": 1.5}, False
    assert widget._session.options == AnimateOptions(
        crop="centre", label=False, strength=0.0, smoothing=0.5, gains={"left": 1.5}
    )
    assert widget._session.mirror is False
    held = browser.draw("redraw")
    pictures = {content["id"]: buffers[0] for content, buffers in browser.sent if content["kind"] == "result"}
    assert pictures[held["id"]] != pictures[moved["id"]]


def test_what_goes_wrong_is_told_in_words_and_the_widget_goes_on(browser: Browser) -> None:
    assert "cannot be read" in browser.draw("frame", b"no picture")["message"]
    assert browser.draw("redraw")["kind"] == "dropped"
    assert "Press Start" in browser.draw("next")["message"]
    for kind in ("source", "driving"):
        browser.tell(kind, path="not/there.png")
        browser.noticed("no such")
    browser.tell("driving", path=str(samples.portrait().with_name("no.motion")))
    browser.noticed("no such")
    browser.tell("record-stop")
    browser.noticed("Nothing is being recorded")
    assert browser.draw("frame", to_jpeg(DRIVING[0]))["kind"] == "result"


def test_what_went_wrong_before_the_page_was_there_is_kept_for_it(model: Model, tmp_path: Path) -> None:
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    (tmp_path / "notes.txt").write_text("no picture")
    browser = Browser(model, tmp_path, source=tmp_path / "notes.txt")
    widget = browser.widget
    browser.wait(lambda: widget.notice)
    kept = widget.get_state(["notice", "source"])  # what a page is given when it opens
    assert "notes.txt" in kept["notice"]["text"] and kept["notice"]["about"] == "source"
    browser.wait(lambda: "Upload" in widget.source.get("note", ""))
    assert widget.source["name"] == "None yet", "not Loading for good"
    # Another thing's success leaves it; the source's own ends it.
    browser.tell("driving", camera=True)
    browser.heard("opened")
    browser.tell("calibrate")
    assert browser.draw("frame", to_jpeg(DRIVING[0]))["kind"] == "result"
    assert widget.notice == kept["notice"]
    browser.tell("source", path="")
    browser.wait(lambda: widget.source["name"] == "sample portrait" and not widget.notice)
    widget.close()


def test_a_clip_drives_and_shows_its_own_frames(browser: Browser, numbered: Path, model: Model, tmp_path: Path) -> None:
    browser.tell("driving", path=str(numbered))
    browser.heard("opened")
    assert browser.widget.driving == {"kind": "clip", "path": str(numbered)}
    answers = [browser.draw("next") for _ in range(6)]
    shown = [buffers for content, buffers in browser.sent if content["kind"] == "result"]
    assert len(answers) == 6 and all(len(buffers) == 2 for buffers in shown)
    assert len({buffers[1] for buffers in shown}) >= 3  # the crop leaves the lowest bit out
    mk.save_template(tmp_path / "a.motion", mk.extract(numbered, model=model, options=AnimateOptions(crop="centre")))
    browser.tell("driving", path=str(tmp_path / "a.motion"))
    browser.heard("opened")
    assert browser.widget.driving["kind"] == "template"
    assert browser.draw("next")["kind"] == "result"


def test_a_recording_is_offered_for_download(browser: Browser, tmp_path: Path) -> None:
    browser.tell("record")
    browser.wait(lambda: browser.widget.recording)
    for frame in DRIVING:
        browser.draw("frame", to_jpeg(frame))
    browser.tell("record-stop")
    browser.wait(lambda: browser.widget.clip)
    clip, path = browser.widget.clip, browser.widget.clip_path
    assert not browser.widget.recording and path is not None
    assert path.parent == tmp_path / "out" and clip["name"] == path.name and clip["results"] >= 1
    assert trust.SOURCE_TYPE in media.read_metadata(path)["comment"]
    browser.tell("download", id="d", name=clip["name"], offset=0)
    _, buffers = browser.until(lambda content: content["kind"] == "chunk")
    assert buffers[0] == path.read_bytes()
    browser.tell("download", id="e", name="../numbered.mp4", offset=0)
    assert browser.heard("transfer-failed")["id"] == "e"


def test_a_source_is_taken_by_path_and_by_upload(browser: Browser, tmp_path: Path) -> None:
    Image.fromarray(DRIVING[0]).save(tmp_path / "face.png")
    browser.tell("source", path=str(tmp_path / "face.png"))
    browser.wait(lambda: browser.widget.source["name"] == "face.png")
    assert np.abs(from_jpeg(browser.widget.source_picture).astype(int) - DRIVING[0]).mean() < 12
    data = to_jpeg(DRIVING[1])
    browser.tell("upload", data, id="u", name="mine.jpg", size=len(data), offset=0, note="source")
    browser.wait(lambda: browser.widget.source["name"] == "mine.jpg")
    browser.tell("source", path="")
    browser.wait(lambda: browser.widget.source["name"] == "sample portrait")


def test_the_cell_tells_of_wrong_arguments(model: Model, tmp_path: Path) -> None:
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    with pytest.raises(InputError, match="no such"):
        mk.webcam(model, "not/there.png", output=tmp_path)
    with pytest.raises(InputError, match="Calibrate"):
        mk.webcam(model, options=AnimateOptions(reference="best"), output=tmp_path)
