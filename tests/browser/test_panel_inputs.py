"""The panel's inputs in real JupyterLab: uploads, the camera, and mistakes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from skimage import data

from tests.browser.panel import ANSWER, pixels, settled, slide

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.lab import Lab, Notebook


def test_mistakes_are_told_and_forgiven(open_panel: Callable[..., tuple[Notebook, Page]], lab: Lab) -> None:
    opened, page = open_panel("mistakes")
    (lab.root / "broken.mp4").write_bytes(b"not a video" * 500)
    source, driving = (page.locator(f"[data-role={role}]") for role in ("source", "driving"))
    alert = page.locator(".mk-banner.mk-error")
    for card, way, value, words in (
        (source, "Path", "nowhere.png", "There is no such file"),
        (driving, "Path", "broken.mp4", "broken.mp4"),
        (driving, "Drive", "https://example.com/x", "not a Google Drive link"),
    ):
        card.get_by_role("button", name=way, exact=True).click()
        card.locator(".mk-form:not([hidden]) input[type=text]").fill(value)
        card.get_by_role("button", name="Open", exact=True).click()
        alert.filter(has_text=words).wait_for(timeout=ANSWER)
    opened.screenshot("panel-error")
    slide(page, "frame", 12)
    slide(page, "strength", 0.2)
    alert.get_by_role("button", name="Dismiss").click()
    assert alert.count() == 0

    # What the page itself has found goes as soon as something else is done.
    driving.get_by_role("button", name="Record", exact=True).click()
    driving.get_by_role("button", name="Open the camera").click()
    alert.wait_for()
    page.get_by_role("button", name="Animate", exact=True).click()
    page.wait_for_function("document.querySelector('.mk-video').currentTime > 0.1", timeout=2 * ANSWER)
    assert alert.count() == 0

    number = page.get_by_label("Strength").nth(1)
    number.fill("")
    number.press("Tab")
    assert number.input_value() == "0.2"
    chosen = [card.locator("input[type=radio]:checked") for card in (source, driving)]
    assert chosen[0].input_value() == "astronaut" and chosen[1].count() == 0, "short.mp4 is no sample"


def test_a_large_picture_is_uploaded_and_cropped_by_hand(
    open_panel: Callable[..., tuple[Notebook, Page]], tmp_path: Path, lab: Lab
) -> None:
    opened, page = open_panel("upload")
    face = data.astronaut()[:400, 60:460]
    noise = np.random.default_rng(0).integers(0, 12, (1200, 1200, 3), dtype=np.uint8)
    picture = np.asarray(Image.fromarray(face).resize((1200, 1200))) // 2 + noise
    Image.fromarray(picture.astype(np.uint8)).save(tmp_path / "large.png")
    assert (tmp_path / "large.png").stat().st_size > 1_500_000
    before = pixels(page)
    card = page.locator("[data-role=source]")
    card.get_by_role("button", name="Upload", exact=True).click()
    with page.expect_file_chooser() as chooser:
        card.get_by_role("button", name="Choose a file…").click()
    chooser.value.set_files(str(tmp_path / "large.png"))
    card.get_by_text("large.png, 1200×1200").wait_for(timeout=ANSWER)
    page.wait_for_function("document.querySelector('.mk-call code').textContent.includes('large.png')")
    assert (lab.root / "out" / "inputs" / "large.png").read_bytes() == (tmp_path / "large.png").read_bytes()
    page.wait_for_function("!document.querySelector('.mk-busy')")
    box = card.locator(".mk-crop-box")
    place = box.bounding_box()
    assert place is not None
    page.wait_for_timeout(1000)
    uploaded = pixels(page)
    assert np.abs(uploaded.astype(int) - before).mean() > 5
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] / 2 + 10, place["y"] + place["height"] / 2 + 8, steps=4)
    page.mouse.up()
    page.wait_for_function("document.querySelector('.mk-call code').textContent.includes('source_box=mk.Box(')")
    page.wait_for_timeout(2000)
    assert np.abs(pixels(page, "source").astype(int) - uploaded).mean() > 5
    card.locator("summary").click()
    opened.screenshot("panel-crop")
    card.get_by_role("button", name="Auto").click()
    page.wait_for_function("!document.querySelector('.mk-call code').textContent.includes('source_box')")


def test_a_snapshot_and_a_recording(open_panel: Callable[..., tuple[Notebook, Page]], start_chromium: Callable) -> None:
    browser = start_chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    _, page = open_panel("camera", browser=browser)
    # The browser asks for leave, and meanwhile another way is chosen.
    page.evaluate("""() => {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        const asked = new Promise((resolve) => { window.allow = resolve; });
        navigator.mediaDevices.getUserMedia = async (wanted) => {
            navigator.mediaDevices.getUserMedia = ask;
            await asked;
            window.late = await ask(wanted);
            return window.late;
        };
    }""")
    card = page.locator("[data-role=source]")
    card.get_by_role("button", name="Camera", exact=True).click()
    card.get_by_role("button", name="Open the camera").click()
    card.get_by_role("button", name="Path", exact=True).click()
    page.evaluate("window.allow()")
    page.wait_for_function("window.late && window.late.getTracks().every((track) => track.readyState === 'ended')")
    for role, way, steps, name in (
        ("source", "Camera", ("Open the camera", "Take the picture"), "snapshot.jpg, 640×480"),
        ("driving", "Record", ("Open the camera", "Record", "Stop and use"), "recording.webm, 640×480"),
    ):
        card = page.locator(f"[data-role={role}]")
        card.get_by_role("button", name=way, exact=True).click()
        for step in steps:
            card.locator(".mk-camera-form").get_by_role("button", name=step, exact=True).click()
            page.wait_for_timeout(1200)
        card.get_by_text(name).wait_for(timeout=ANSWER)
    settled(page)
    # Frames are counted while they are read.
    page.wait_for_function("() => Number(document.querySelector('input[data-name=frame]').max) > 3")
    page.get_by_text("No face was found").wait_for(timeout=ANSWER)  # in the fake camera's picture
    names = [page.locator(f"[data-role={role}]").inner_text() for role in ("source", "driving")]
    assert "snapshot.jpg" in names[0] and "recording.webm" in names[1]
    assert pixels(page).std() > 5, "the result is the camera's picture, not an empty one"
    browser.close()
