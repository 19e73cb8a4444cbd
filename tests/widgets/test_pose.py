"""Pose, the panel's second way: its sliders, pictures and timeline; a small model whose keypoints the rig knows."""

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
from motionkit import media
from motionkit.config import AnimateOptions
from motionkit.errors import InputError
from motionkit.model import Model
from motionkit.motion.ready import MOTIONS, motion, sided
from motionkit.widgets.pose import (
    GROUPS,
    START,
    expression_of,
    keys_of,
    peak,
    pose_choices,
    posing_options,
    take_of,
    values_at,
)  # fmt: skip
from tests.support.networks import seeded_model, tiny_config

pytest.importorskip("anywidget", reason="anywidget is not installed")
from tests.support.pages import Page, until

pytestmark = pytest.mark.filterwarnings("ignore:The driving.* shows nothing")
NAMES = ("nose", "lid_upper_left", "mouth_left", "mouth_right", "lip_bottom", "chin")
KEYS = [{"time": 0, "values": {}}, {"time": 0.4, "values": {"jawOpen": 0.8, "yaw": 10}}]


def small_model(**changes: Any) -> Model:
    config = tiny_config(num_kp=len(NAMES), **{"keypoint_names": NAMES, **changes})
    return Model(seeded_model(config), device="cpu", fingerprint="abc")


@pytest.fixture(scope="module")
def model() -> Model:
    return small_model()


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Model) -> Iterator[Page]:
    """A page at Pose, whose panel has face.png (128×96) open and a driving that cannot be used."""
    Image.fromarray(data.astronaut()[:384:4, ::4]).save(tmp_path / "face.png")
    monkeypatch.chdir(tmp_path)
    page = Page(mk.panel(model, "face.png", "nowhere.mp4", output="out"))
    pose(page)
    until(lambda: page.panel.call)
    yield page
    page.panel.close()


def pose(page: Page, **changes: Any) -> None:
    """Change the trait, as the browser syncs it."""
    page.panel.set_state({"pose": {**page.panel.pose, "way": "pose", **changes}})


def shown(page: Page, key: str, **wanted: Any) -> tuple[dict[str, Any], np.ndarray]:
    """The answer to a request for a picture."""
    page.say({"kind": "pose", "id": key, "settings": page.panel.settings, **wanted})
    content, (part,) = until(lambda: next((i for i in page.answers("pose") if i[0]["id"] == key), None))
    return content, np.array(Image.open(io.BytesIO(part))).astype(int)


def test_every_slider_is_an_expression_and_what_a_model_cannot_show_is_off(model: Model) -> None:
    for slider in (slider for sliders in GROUPS.values() for slider in sliders):
        for shares, most in ((slider.up, slider.limits[1]), (slider.down, -slider.limits[0])):
            expression_of({name: share * most for name, share in shares.items()})  # all known, and within its range
            assert not shares or max(shares.values()) == 1, f"nothing tells how far {slider.name} is"
    told = pose_choices(model)
    off = {slider["name"]: slider["off"] for group in told["groups"] for slider in group["sliders"]}
    assert "pupils" in off["gaze-aside"] and "pupils" in off["gaze-up"]
    assert "None of this model" in off["brows"] and off["open"] == off["blink"] == off["yaw"] == ""
    assert "jawOpen" in told["actions"] and "tongueOut" not in told["actions"]
    seeing = pose_choices(small_model(keypoint_groups={"gaze": ("lid_upper_left",)}))
    gaze = next(group["sliders"] for group in seeing["groups"] if group["title"] == "Gaze")
    assert gaze[1]["off"] == "" and "pupils" not in gaze[0]["off"]
    assert pose_choices(small_model(keypoint_names=()))["off"].startswith("Pose needs")


def test_keys_are_a_take() -> None:
    take = take_of({"motion": "", "keys": KEYS})
    assert take.fps == 30 and len(take) == 13
    # Halfway between two keys the gentle start and end meet in the middle.
    assert values_at(take, 0.2) == (6, {"jawOpen": 0.4, "yaw": 5.0})
    assert values_at(take, 99) == (12, {"jawOpen": 0.8, "yaw": 10.0})
    assert peak(take) == 12
    late = keys_of([{"time": 2, "values": {}}, {"time": 1, "values": {"jawOpen": 1}}])
    assert late == [(0.0, {"jawOpen": 1}), (1.0, {"jawOpen": 1}), (2.0, {})], "held before the first key"
    told = [{"time": at, "values": sided(values)} for at, values in MOTIONS["wink"][1]]
    assert np.array_equal(take_of({"motion": "", "keys": told}).curves, motion("wink").curves)
    assert np.array_equal(take_of({"motion": "wink", "keys": []}).curves, motion("wink").curves)
    for keys, words in (
        (KEYS[:1], "no clip yet"),
        ([*KEYS, {"time": 0.4, "values": {}}], "at one time"),
        ([*KEYS, {"time": -1, "values": {}}], "time"),
        ([*KEYS, {"time": 1, "values": {"jawOpen": 2}}], "jaw_open"),
        ([*KEYS, {"time": 1, "values": {"jawOpne": 1}}], "no facial action"),
    ):
        with pytest.raises(InputError, match=words):
            take_of({"motion": "", "keys": keys})


def test_options_about_a_clip_do_not_touch_a_pose() -> None:
    given = AnimateOptions(strength=0, gains={"mouth": 0}, reference="best", smoothing=1, crop="centre", label="FAKE")
    assert posing_options(given) == AnimateOptions(crop="centre", label="FAKE")


def test_a_picture_is_what_is_kept(page: Page, model: Model) -> None:
    _, rest = shown(page, "a", values={})
    _, moved = shown(page, "b", values={"jawOpen": 1, "yaw": 20})
    assert rest.shape == (32, 32, 3) and np.abs(moved - rest).max() > 20
    mk.pose_file("face.png", mk.Expression(jaw_open=1, yaw=20), "same.png", model=model)
    assert np.abs(media.read_image("same.png").astype(int) - moved).mean() < 6, "as far as JPEG goes"
    content, at = shown(page, "c", at=0.4, motion="", keys=KEYS)
    assert content["values"] == KEYS[1]["values"]
    assert np.abs(at - shown(page, "d", values=KEYS[1]["values"])[1]).max() == 0

    for name in ("face-pose.png", "face-pose-2.png"):
        page.say({"kind": "keep-picture", "settings": page.panel.settings, "values": {"jawOpen": 1}})
        until(
            lambda name=name: page.answers("picture-kept")[-1:] and page.answers("picture-kept")[-1][0]["name"] == name
        )
        assert media.read_image(Path("out") / name).shape == (96, 128, 3), "the source's own size"
    page.say({"kind": "download", "id": "p", "name": "picture", "offset": 0})
    assert page.answers("chunk")[-1][1] == [Path("out/face-pose-2.png").read_bytes()]


def test_only_the_last_position_counts(page: Page) -> None:
    gate = {"open": False}
    page.panel._worker.ask("gate", lambda: until(lambda: gate["open"]))
    until(lambda: not page.panel._worker.waits())
    for number in range(5):
        wanted = {"kind": "pose", "id": str(number), "settings": page.panel.settings, "values": {"jawOpen": number / 5}}
        page.say(wanted)
    gate["open"] = True
    until(lambda: page.answers("pose"))
    shown(page, "after", values={})
    assert [content["id"] for content, _ in page.answers("pose")] == ["4", "after"]


def test_motions_are_shown_small_until_all_are_there(page: Page) -> None:
    page.say({"kind": "motions", "settings": page.panel.settings})
    until(lambda: len(page.answers("motion")) == len(MOTIONS))
    assert [content["name"] for content, _ in page.answers("motion")] == list(MOTIONS)
    assert len({part for _, (part,) in page.answers("motion")}) > len(MOTIONS) / 2, "each its own picture, mostly"


def test_a_timeline_becomes_a_clip_and_the_code_makes_it_too(page: Page) -> None:
    page.say({"kind": "animate", "settings": page.panel.settings})
    page.error("no clip yet")
    pose(page, keys=KEYS, values={"jawOpen": 0.8})
    assert "take = keyed([" in page.panel.call and "mk.Expression(jaw_open=0.8)" in page.panel.call
    page.say({"kind": "animate", "settings": {**page.panel.settings, "reference": "best"}})
    until(lambda: page.panel.job.get("state") == "done")
    clip = Path("out/face-pose.mp4")
    assert page.panel.result is not None and page.panel.result.path == clip and page.panel.result.frames == 13
    frames = list(media.open_clip(clip))
    assert media.open_clip(clip).info.fps == Fraction(30)
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 1
    clip.unlink()
    exec(page.panel.call, {"model": page.panel._model})
    assert all(map(np.array_equal, media.open_clip(clip), frames)) and Path("out/face-pose.png").exists()
    pose(page, motion="nod")
    assert '    "nod",\n    "out/face-nod.mp4",' in page.panel.call
    pose(page, values={"jawOpen": 3})
    assert page.panel.call.startswith("# This pose cannot be used. ")


def test_mistakes_are_told_and_mended(page: Page) -> None:
    page.say({"kind": "dismiss"})  # the driving that is not there
    page.say({"kind": "pose", "id": "x", "settings": page.panel.settings, "values": {"yaw": 90}})
    page.error("yaw")
    assert page.answers("pose-failed")[-1][0]["id"] == "x"
    shown(page, "y", values={"yaw": 10})
    until(lambda: page.panel.notice == {})
    page.say({"kind": "keep-picture", "settings": page.panel.settings, "values": {"nothing": 1}})
    page.error("no facial action")
    assert not list(Path("out").glob("*.png"))
    assert START["way"] == "driving", "a panel begins as it always did"
