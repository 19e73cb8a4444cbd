"""The webcam by its messages: what the page sends and what it is answered."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import motionkit as mk
from motionkit import media, samples, trust
from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from motionkit.live.session import LiveSession
from motionkit.model import Model
from tests.support.live import DRIVING, PLAIN, SOURCE, named_model, numbered_clip

WAIT = 20  # seconds


@pytest.fixture(scope="module")
def model() -> Model:
    return named_model()


@pytest.fixture
def numbered(tmp_path: Path) -> Path:
    """Ten frames at 20 a second."""
    return numbered_clip(tmp_path / "numbered.mp4")


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
