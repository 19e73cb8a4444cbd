"""The panel's Python side: messages as the browser sends them, answers as it gets them; a small real model."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

import motionkit as mk
from motionkit import drive, media, trust
from motionkit.config import GAIN_RANGE, SMOOTHING_RANGE, STRENGTH_RANGE, AnimateOptions
from motionkit.errors import InputError
from motionkit.model import Model
from motionkit.structures import Box
from motionkit.widgets.controls import choices, options_of, settings_of
from motionkit.widgets.worker import Worker
from tests.support.networks import seeded_model, tiny_config

pytest.importorskip("anywidget", reason="anywidget is not installed")
from motionkit.widgets.panel import SliderPanel
from tests.support.pages import PATIENCE, Page, until

# Random weights know one frame and not the next.
pytestmark = pytest.mark.filterwarnings("ignore:The driving.* shows nothing")
FRAMES = 20
NAMED = {"keypoint_names": ("brow", "lip", "chin"), "keypoint_groups": {"mouth": ("lip", "chin")}}


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(seeded_model(tiny_config(**NAMED)), device="cpu", fingerprint="abc")


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with face.png (128×96) and driving.mp4 (96×80, 20 frames)."""
    picture = data.astronaut()
    Image.fromarray(picture[:384:4, ::4]).save(tmp_path / "face.png")
    with media.VideoWriter(tmp_path / "driving.mp4", fps=Fraction(25)) as writer:
        for i in range(FRAMES):
            writer.write(np.roll(picture[:320:4, :384:4], 2 * i, axis=1))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def page(work: Path, model: Model) -> Iterator[Page]:
    """A page whose panel has both inputs open."""
    panel = mk.panel(model, "face.png", "driving.mp4", output="out")
    page = Page(panel)
    until(lambda: panel.call)
    yield page
    panel.close()


def test_controls_follow_the_options() -> None:
    told = choices(tiny_config(**NAMED))
    assert told["defaults"] == settings_of(AnimateOptions())
    assert told["ranges"]["strength"] == list(STRENGTH_RANGE)
    assert told["ranges"]["gain"] == list(GAIN_RANGE)
    assert told["ranges"]["smoothing"] == list(SMOOTHING_RANGE)
    assert told["groups"] == {"mouth": ["lip", "chin"]} and told["keypoints"] == ["brow", "lip", "chin"]
    assert choices(tiny_config())["keypoints"] == ["0", "1", "2"]
    given = AnimateOptions(
        strength=0.5, gains={"mouth": 2.0}, motion_limit=None, reference=3, overlays=("flow",),
        source_box=Box(1, 2, 11, 12), crop="centre", batch_size=2, label=False,
    )  # fmt: skip
    assert options_of(settings_of(given), given) == given
    sound = settings_of(AnimateOptions(audio=Path("none")))["audio"]
    assert Path(sound).is_absolute() and options_of({"audio": sound}, given).audio == str(Path("none").absolute())
    # What has no control stays.
    assert options_of(settings_of(AnimateOptions()), given).crop == "centre"
    for wrong in ({"source_box": [5, 5, 5, 9]}, {"driving_box": [1, 2]}, {"strenght": 1}, {"strength": 9}):
        with pytest.raises(InputError):
            options_of(wrong, AnimateOptions())


def test_a_slider_changes_the_picture_the_options_and_the_code(page: Page) -> None:
    content, pictures = page.preview("a", 9)
    assert content["captions"] == ["source", "driving", "result"] and content["index"] == 9
    assert [picture.shape for picture in pictures] == [(32, 32, 3)] * 3
    assert "options" not in page.panel.call
    page.set(strength=2.0, gains={"mouth": 3.0}, overlays=["flow"])
    assert page.panel.options == AnimateOptions(strength=2.0, gains={"mouth": 3.0}, overlays=("flow",))
    assert 'strength=2.0, gains={"mouth": 3.0}, overlays=("flow",)' in page.panel.call
    content, moved = page.preview("b", 9)
    assert content["captions"] == ["source", "driving", "flow", "result"]
    assert np.abs(moved[-1].astype(int) - pictures[-1]).mean() > 1
    kept = page.panel.settings
    page.panel.settings = {**kept, "strength": 9}
    assert page.panel.call.startswith("# These settings cannot be used. ") and "animate_file" not in page.panel.call
    page.panel.settings = kept
    assert "strength=2.0" in page.panel.call


def test_options_can_be_given_and_set(work: Path, model: Model) -> None:
    options = AnimateOptions(strength=1.5, batch_size=1, source_box=Box(0, 0, 64, 64))
    panel = mk.panel(model, "face.png", "driving.mp4", options, output="out")
    until(lambda: panel.call)
    assert panel.options == options and (panel.source, panel.driving) == (Path("face.png"), Path("driving.mp4"))
    assert "strength=1.5, batch_size=1, source_box=mk.Box(0, 0, 64, 64)" in " ".join(panel.call.split())
    panel.options = AnimateOptions(smoothing=0.5)
    assert panel.settings["smoothing"] == 0.5 and "AnimateOptions(smoothing=0.5)" in panel.call
    panel.close()


def test_the_page_hears_of_inputs_when_it_opens(page: Page) -> None:
    page.got.clear()
    page.say({"kind": "hello"})
    (source, (picture,)), (driving, _) = page.answers("input")
    assert (source["role"], source["width"], source["height"]) == ("source", 128, 96)
    assert source["boxes"] == [[16, 0, 112, 96]] and np.array(Image.open(io.BytesIO(picture))).shape == (96, 128, 3)
    assert (driving["role"], driving["frames"], driving["fps"], driving["boxes"]) == (
        "driving", FRAMES, 25.0, [[8, 0, 88, 80]],
    )  # fmt: skip
    assert source["sample"] is driving["sample"] is None


def test_detection_goes_on_by_itself(page: Page) -> None:
    until(lambda: (FRAMES, FRAMES) in [(c["ready"], c["total"]) for c, _ in page.answers("detected")])
    told = [content["ready"] for content, _ in page.answers("detected")]
    assert told == sorted(told) and told[-1] == FRAMES


def test_animate_with_progress_then_download_and_save(page: Page, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drive, "MOUNT_POINT", work / "drive")
    states: list[dict[str, Any]] = []
    page.panel.observe(lambda change: states.append(change["new"]), "job")
    page.set(strength=1.5)
    page.say({"kind": "animate", "settings": page.panel.settings})
    job = until(lambda: page.panel.job.get("state") == "done" and page.panel.job)
    result = page.panel.result
    assert result is not None and result.frames == job["frames"] == FRAMES
    assert {state["state"] for state in states} == {"running", "done"}
    assert any(state.get("rate", 0) > 0 for state in states)
    expected = list(mk.animate(*_squares(page.panel), model=page.panel._model, options=AnimateOptions(strength=1.5)))
    written = list(media.open_clip(result.path))
    assert np.abs(written[9].astype(int) - trust.label_frame(expected[9])).mean() < 6
    page.say({"kind": "download", "id": "d", "name": "collage", "offset": 0})
    content, (piece,) = page.answers("chunk")[-1]
    assert content["size"] == job["bytes"] and result.collage is not None
    assert result.collage.read_bytes().startswith(piece)
    told: list[str] = []
    page.panel.observe(lambda change: told.append(change["new"]["text"]), "notice")
    (work / "drive" / "MyDrive").mkdir(parents=True)
    monkeypatch.setitem(drive._ours, str(work / "drive"), True)  # in Colab: as if it were mounted
    for folder in ("here", "drive/MyDrive/out"):
        page.say({"kind": "save", "folder": str(work / folder)})
        until(lambda: "Saved face-driving.mp4" in page.panel.notice["text"])
        assert {p.name for p in (work / folder).iterdir()} == {"face-driving.mp4", "face-driving-collage.mp4"}
    assert [text.split()[0] for text in told] == ["Saving…", "Saved", "Saving…", "Saved"]
    assert "Google" not in told[1] and "may take Google a while" in told[3]
    namespace: dict[str, Any] = {"model": page.panel._model}
    before = list(media.open_clip(result.path))
    result.path.unlink()
    exec(page.panel.call, namespace)
    # But for the signature, which has the time in it.
    assert all(map(np.array_equal, media.open_clip(result.path), before))


def _squares(panel: SliderPanel) -> tuple[np.ndarray, list[np.ndarray]]:
    from motionkit import faces

    source = faces.crop(media.read_image("face.png"), Box(16, 0, 112, 96), size=32)
    return source, [faces.crop(frame, Box(8, 0, 88, 80), size=32) for frame in media.open_clip("driving.mp4")]


def test_cancel_and_again(page: Page, work: Path) -> None:
    begun = []

    def cancel(change: dict[str, Any]) -> None:
        if change["new"].get("done") and not begun:
            begun.append(change["new"])
            page.say({"kind": "animate", "settings": page.panel.settings})
            page.say({"kind": "cancel"})

    page.panel.observe(cancel, "job")
    page.say({"kind": "animate", "settings": page.panel.settings})
    until(lambda: page.panel.job.get("state") == "cancelled")
    assert "running" in page.panel.notice["text"]  # the second one was refused
    assert not list((work / "out").glob("*.mp4")) and page.panel.result is None
    page.panel._job.wait(PATIENCE)
    page.say({"kind": "animate", "settings": page.panel.settings})
    made = until(lambda: page.panel.job.get("state") == "done" and page.panel.job)
    # What is there stays, for a page that is loaded again too, when the next one is cancelled or fails.
    begun.clear()
    page.panel._job.wait(PATIENCE)
    page.say({"kind": "animate", "settings": page.panel.settings})
    until(lambda: page.panel.job.get("state") == "cancelled")
    kept = {name: made[name] for name in ("result", "collage", "bytes", "at")}
    assert page.panel.job.items() >= kept.items() and Path(kept["collage"]).stat().st_size == kept["bytes"]
    page.panel._job.wait(PATIENCE)
    page.say({"kind": "animate", "settings": {**page.panel.settings, "reference": 500}})
    page.error("not in the driving clip")
    assert page.panel.job["state"] == "failed" and page.panel.job.items() >= kept.items()
    page.panel._job.wait(PATIENCE)
    page.say({"kind": "animate", "settings": page.panel.settings})
    until(lambda: page.panel.job.get("state") == "done")
    assert page.panel.notice == {}, "an error of before does not stand above a new animation"


def test_a_preview_that_gave_way_can_be_asked_for_again(page: Page) -> None:
    gate = {"open": False}
    page.panel._worker.ask("gate", lambda: until(lambda: gate["open"]))
    until(lambda: not page.panel._worker.waits())
    settings = {**page.panel.settings, "driving_box": [0, 0, 40, 40]}  # whose keypoints are not there
    page.say({"kind": "preview", "id": "p", "index": 0, "settings": settings})
    page.say({"kind": "open", "role": "source", "how": "path", "value": "nowhere.png"})
    gate["open"] = True
    page.error("no such file")
    assert [content for content, _ in page.answers("preview-failed")] == [
        {"kind": "preview-failed", "id": "p", "superseded": True}
    ]
    page.say({"kind": "ping"})
    assert page.answers("pong")


def test_mistakes_are_told_and_the_panel_goes_on(page: Page, work: Path, model: Model) -> None:
    (work / "broken.mp4").write_bytes(b"no video" * 100)
    other = Model(seeded_model(tiny_config(name="other")), device="cpu", fingerprint="xyz")
    mk.save_template(work / "other.motion", mk.extract("driving.mp4", model=other))
    for role, how, value, words in (
        ("source", "path", "nowhere.png", "no such file"),
        ("source", "path", " ", "Nothing was entered"),
        ("driving", "path", "broken.mp4", "broken.mp4"),
        ("driving", "path", "https://example.com/clip.mp4", "not a Google Drive link"),
        ("driving", "path", "other.motion", "made with the model 'other'"),
        ("result", "path", "face.png", "Unknown input"),
        ("source", "sample", "Nobody", "no such sample"),
    ):
        page.say({"kind": "open", "role": role, "how": how, "value": value})
        page.error(words)
        assert (page.panel.source, page.panel.driving) == (Path("face.png"), Path("driving.mp4"))
    page.set(reference=500)
    page.say({"kind": "preview", "id": "x", "index": 0, "settings": page.panel.settings})
    page.error("not in the driving clip")
    until(lambda: page.answers("preview-failed"))
    page.set(reference="first")
    assert page.preview("y", 3)[0]["index"] == 3
    until(lambda: page.panel.notice == {})  # what is mended is forgotten
    page.say({"kind": "save", "folder": ""})
    page.error("No folder")
    page.say({"kind": "save", "folder": "there"})
    page.error("no result yet")
    page.say({"kind": "dismiss"})
    assert page.panel.notice == {}


def test_an_upload_is_opened_and_its_crop_begins_anew(page: Page, work: Path) -> None:
    page.set(source_box=[0, 0, 50, 50], reference=4)
    Image.fromarray(data.astronaut()).save(work / "new.png")
    content = (work / "new.png").read_bytes()
    step = 256 * 1024
    for offset in range(0, len(content), step):
        message = {"kind": "upload", "id": "u", "name": "new.png", "size": len(content), "offset": offset}
        page.say({**message, "note": "source"}, content[offset : offset + step])
    until(lambda: page.panel.source == Path("out/inputs/new.png") and "new.png" in page.panel.call)
    assert page.panel.settings["source_box"] is None and page.panel.settings["reference"] == 4
    page.say({"kind": "open", "role": "driving", "how": "sample", "value": "nod"})
    until(lambda: page.answers("input")[-1][0]["sample"] == "nod")
    until(lambda: "nod" in page.panel.call)
    assert page.panel.settings["reference"] == "first" and page.panel.index == 0


def test_a_bad_path_at_the_start_is_told_in_the_panel(work: Path, model: Model) -> None:
    page = Page(mk.panel(model, "nowhere.png", "driving.mp4", output="out"))
    until(lambda: page.panel.driving)  # its success leaves the source's mistake where it is
    page.error("no such file")
    assert page.panel.source is None and page.panel.call == ""
    page.say({"kind": "animate", "settings": page.panel.settings})
    page.error("not both there")
    page.say({"kind": "open", "role": "source", "how": "path", "value": "face.png"})
    until(lambda: page.panel.call)
    assert page.preview("p")[0]["index"] == 0
    page.panel.close()


def test_of_waiting_requests_the_newest_is_done() -> None:
    done: list[str] = []
    failures: list[Exception] = []
    gate = {"open": False}
    worker = Worker(lambda: False, failures.append)
    worker.ask("preview", lambda: until(lambda: gate["open"]))
    until(lambda: not worker.waits())
    for name in ("old", "older", "newest"):
        worker.ask("preview", lambda name=name: done.append(name))  # type: ignore[misc]
    worker.ask("other", lambda: 1 / 0)  # type: ignore[arg-type,return-value]
    worker.ask("last", lambda: done.append("last"))
    gate["open"] = True
    until(lambda: "last" in done)
    assert done == ["newest", "last"] and [type(error) for error in failures] == [ZeroDivisionError]
    worker.stop()
