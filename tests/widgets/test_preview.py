"""The preview shows what animating writes; the code beside it does the same."""

from __future__ import annotations

import ast
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

import motionkit as mk
from motionkit import faces, media, pipeline, samples
from motionkit.animation.moments import moments
from motionkit.config import AnimateOptions
from motionkit.errors import FaceNotFoundError, InputError, MediaError, TemplateError
from motionkit.model import Model
from motionkit.structures import Box
from motionkit.widgets.calls import model_call, python_call
from motionkit.widgets.preview import Preview
from tests.support.networks import seeded_model, tiny_config

FRAMES = 24
FOLLOW = AnimateOptions(lost="follow")  # random weights know one frame and not the next
NAMED = {"keypoint_names": ("brow", "lip", "chin"), "keypoint_groups": {"mouth": ("lip", "chin")}}


@pytest.fixture(scope="module")
def model() -> Model:
    return Model(seeded_model(tiny_config(**NAMED)), device="cpu", fingerprint="abc")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with face.png (128×96), driving.mp4 (96×80, 24 frames) and clip.mp4 (64×48, 7 frames)."""
    folder = tmp_path_factory.mktemp("work")
    picture = data.astronaut()
    Image.fromarray(picture[:384:4, ::4]).save(folder / "face.png")
    for name, count, step in (("driving.mp4", FRAMES, 2), ("clip.mp4", 7, -3)):
        with media.VideoWriter(folder / name, fps=Fraction(25)) as writer:
            for i in range(count):
                writer.write(np.roll(picture[:320:4, :384:4], step * i, axis=1))
    return folder


def opened(work: Path, model: Model, options: AnimateOptions, source: str = "face.png", driving: str = "driving.mp4"):
    preview = Preview(model)
    preview.open_source(work / source, options)
    preview.open_driving(work / driving, options)
    return preview


def animated(work: Path, model: Model, options: AnimateOptions, source: str = "face.png") -> list[np.ndarray]:
    """The frames that animating gives, by the functions that animate_file calls."""
    subject = pipeline.open_source(work / source, model.config, options)
    drive = pipeline.crop_clip(media.open_clip(work / "driving.mp4"), model.config, options)
    made = moments(subject.squares(subject.boxes[0]), drive, model=model, options=options, fps=25.0)
    return [moment.frame for moment in made]


@pytest.mark.parametrize("source", ["face.png", "clip.mp4"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"strength": 1.7, "gains": {"mouth": 2.5, "lip": 0.25, 0: 1.5}},
        {"smoothing": 0.6, "motion_limit": 0.2},
        {"smoothing": 0.3, "relative": False},
        {"reference": "best", "adapt_scale": False, "motion_limit": None},
        {"reference": 17, "source_box": Box(-3, 2, 45, 50), "driving_box": Box(10, 5, 70, 65)},
        {"lost": "hold"},
        {"lost": "hold", "reference": "best", "smoothing": 0.4},
        {"lost": "source", "relative": False},
    ],
    ids=lambda changes: "-".join(changes) or "default",
)
@pytest.mark.filterwarnings("ignore:The driving.* shows nothing")
def test_a_previewed_frame_is_the_animated_one(work: Path, model: Model, source: str, changes: dict) -> None:
    # Batches of one frame, as in the preview: the last bit of a sum depends on how it is batched.
    options = FOLLOW.replace(batch_size=1, **changes)
    expected = animated(work, model, options, source)
    preview = opened(work, model, AnimateOptions(), source)
    for index in (3, 0, FRAMES - 1, 8):
        shown = preview.frame(index, options)
        np.testing.assert_array_equal(shown.moment.frame, expected[index])
        assert shown.index == index
    assert any((a != b).any() for a, b in pairwise(expected))


def test_usual_batches_make_no_visible_difference(work: Path, model: Model) -> None:
    options = FOLLOW.replace(smoothing=0.4)
    expected = animated(work, model, options)
    preview = opened(work, model, options)
    for index in range(0, FRAMES, 5):
        found = preview.frame(index, options).moment.frame
        assert np.abs(found.astype(int) - expected[index]).max() <= 1


def test_options_may_come_and_go(work: Path, model: Model) -> None:
    plain, wild = FOLLOW, FOLLOW.replace(strength=2.0, smoothing=0.5, source_box=Box(0, 0, 64, 64))
    preview = opened(work, model, plain)
    first = preview.frame(9, plain).moment.frame
    other = preview.frame(9, wild).moment.frame
    assert (first != other).any()
    np.testing.assert_array_equal(preview.frame(9, plain).moment.frame, first)


def test_the_result_panel_is_what_the_file_holds(work: Path, model: Model, tmp_path: Path) -> None:
    options = FOLLOW.replace(paste_back=True, overlays=("keypoints", "occlusion", "flow"))
    mk.animate_file(work / "face.png", work / "driving.mp4", tmp_path / "out", model=model, options=options)
    shown = opened(work, model, options).frame(6, options)
    captions = [panel.caption for panel in shown.panels]
    assert captions == ["source", "driving", "keypoints", "occlusion", "flow", "result"]
    written = media.read_image(sorted((tmp_path / "out").glob("*.png"))[6])
    assert shown.panels[-1].frame.shape == (96, 128, 3)
    assert np.abs(shown.panels[-1].frame.astype(int) - written).max() <= 1
    box = pipeline.open_source(work / "face.png", model.config, options).boxes[0]
    cropped = faces.crop(media.read_image(work / "face.png"), box, size=32)
    assert np.abs(shown.panels[0].frame.astype(int) - cropped).max() <= 1


def test_detection_goes_on_in_steps_and_far_frames_do_not_wait(work: Path, model: Model) -> None:
    options = FOLLOW
    preview = opened(work, model, options)
    assert preview.progress(options) == (0, FRAMES)
    first = preview.frame(0, options)
    assert first.index == 0 and 0 < preview.progress(options)[0] < FRAMES
    far = preview.frame(FRAMES - 1, options).moment
    assert preview.progress(options)[0] < FRAMES - 1
    while preview.advance(options):
        pass
    assert preview.progress(options) == (FRAMES, FRAMES)
    near = preview.frame(FRAMES - 1, options).moment
    torch.testing.assert_close(far.driving_keypoints.value, near.driving_keypoints.value, atol=1e-4, rtol=0)
    assert preview.frame(1000, options).index == FRAMES - 1


def test_waiting_can_be_broken_off_and_goes_on_later(work: Path, model: Model) -> None:
    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise TimeoutError

    options = AnimateOptions(reference="best")
    preview = Preview(model, check=check)
    preview.open_source(work / "face.png", options)
    preview.open_driving(work / "driving.mp4", options)
    with pytest.raises(TimeoutError):
        preview.frame(0, options)
    assert 0 < preview.progress(options)[0] < FRAMES
    np.testing.assert_array_equal(
        preview.frame(0, options).moment.frame, opened(work, model, options).frame(0, options).moment.frame
    )


def test_a_template_drives(work: Path, model: Model) -> None:
    template = mk.extract(work / "driving.mp4", model=model)
    mk.save_template(work / "turn.motion", template)
    options = AnimateOptions(strength=1.4)
    shown = opened(work, model, options, driving="turn.motion").frame(7, options)
    assert [panel.caption for panel in shown.panels] == ["source", "driving", "result"]
    expected = opened(work, model, options).frame(7, options)
    np.testing.assert_allclose(shown.moment.frame.astype(int), expected.moment.frame, atol=1)
    view = Preview(model).open_driving(work / "turn.motion", options)
    assert (view.frames, view.fps, view.boxes) == (FRAMES, 25.0, [])
    other = Model(seeded_model(tiny_config(name="other")), device="cpu", fingerprint="xyz")
    with pytest.raises(TemplateError, match="was made with the model 'tiny'"):
        Preview(other).open_driving(work / "turn.motion", options)


def test_a_mistake_leaves_what_was_there(work: Path, model: Model) -> None:
    options = AnimateOptions()
    preview = opened(work, model, options)
    (work / "broken.mp4").write_bytes(b"no video" * 100)
    with pytest.raises(MediaError):
        preview.open_driving(work / "broken.mp4", options)
    with pytest.raises(InputError, match="no such file"):
        preview.open_source(work / "nowhere.png", options)
    Image.new("RGB", (64, 64)).save(work / "black.png")
    with pytest.raises(FaceNotFoundError):
        preview.open_source(work / "black.png", options.replace(crop="face"))
    for wrong in ({"gains": {"nostril": 2.0}}, {"reference": 900}, {"size": 512}):
        with pytest.raises(InputError):
            preview.frame(2, options.replace(**wrong))
    assert preview.frame(2, options).index == 2
    with pytest.raises(InputError, match="no source yet"):
        Preview(model).frame(0, options)


def test_inputs_are_shown_whole_with_their_squares(work: Path, model: Model) -> None:
    preview = Preview(model)
    view = preview.open_source(work / "face.png", AnimateOptions())
    assert view.picture.shape == (96, 128, 3) and view.boxes == [Box(16, 0, 112, 96)] and view.frames == 1
    view = preview.open_driving(work / "driving.mp4", AnimateOptions(driving_box=Box(0, 0, 50, 50)))
    assert view.picture.shape == (80, 96, 3) and view.boxes == [Box(0, 0, 50, 50)]
    assert (view.frames, view.fps) == (FRAMES, 25.0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["driving", "nod"])
def test_the_samples_squares_are_those_that_would_be_found(name: str) -> None:
    config = tiny_config(domain="face")
    preview = Preview(Model(seeded_model(config), device="cpu"))
    clip = media.open_clip(samples.driving_clip(name))
    found = pipeline.crop_clip(clip, config, AnimateOptions()).box
    assert preview.open_driving(samples.driving_clip(name), AnimateOptions()).boxes == [found]


@pytest.mark.parametrize(
    "options",
    [
        AnimateOptions(),
        AnimateOptions(strength=1.25),
        AnimateOptions(
            relative=False, adapt_scale=False, strength=0.5, gains={"mouth": 1.5, 2: 0.1}, smoothing=0.35,
            motion_limit=None, reference=12, crop="centre", source_box=Box(-3, 2, 45, 50), paste_back=True,
            audio="none", overlays=("flow",), driving_box=Box(0, 0, 9, 9),
        ),
        AnimateOptions(reference="best", overlays=("keypoints", "occlusion")),
    ],
)  # fmt: skip
def test_the_code_says_the_same(model: Model, options: AnimateOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"source": 'it\'s "me".png', "driving": samples.driving_clip("nod"), "output": "a/b.mp4"}
    code = python_call(**given, options=options, model=model, collage="c.mp4")  # type: ignore[arg-type]
    called: dict = {}
    monkeypatch.setattr(mk, "animate_file", lambda *args, **named: called.update(args=args, **named))
    exec(code, {"model": model})
    assert called["args"] == (given["source"], given["driving"], given["output"])
    assert called["model"] is model and called["collage"] == "c.mp4"
    assert called.get("options", AnimateOptions()) == options
    keywords = {node.arg for node in ast.walk(ast.parse(code)) if isinstance(node, ast.keyword)}
    defaults = AnimateOptions()
    for name in AnimateOptions.__dataclass_fields__:
        assert (name in keywords) == (getattr(options, name) != getattr(defaults, name)), name


def test_the_code_loads_a_registered_model() -> None:
    model = mk.load_model("heads", device="cpu")
    code = python_call("a.png", "b.mp4", AnimateOptions(), model=model)
    assert 'model = mk.load_model("heads"' in code
    tuned = Model(model.reference, device="cpu", fingerprint="other")
    assert "load_model(" not in python_call("a.png", "b.mp4", AnimateOptions(), model=tuned)
    # No hash is known of taichi's weights: any file may have given these.
    unknown = Model(seeded_model(tiny_config(name="taichi")), device="cpu", fingerprint="other")
    assert model_call(unknown) == "# model is what load_model gave: 'taichi'"


@pytest.mark.parametrize(
    "given", [{"precision": "float32"}, {"precision": "bfloat16", "align_corners": False}, {"align_corners": True}]
)
def test_the_code_loads_the_model_as_it_was_loaded(given: dict) -> None:
    model = mk.load_model("heads", device="cpu", **given)
    again: dict = {}
    exec(model_call(model).replace("mk.load_model", "load"), {"load": lambda *a, **k: again.update(name=a, **k)})
    assert again.pop("name") == ("heads",) and again.pop("device", "cpu") == "cpu"
    assert again == {name: value for name, value in given.items() if value is not True}
