"""The webcam widget in JupyterLab, with Chromium's fake camera playing the sample clip."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from motionkit import media, trust
from tests.browser.webcam import FAKE, PATIENCE, Live, difference, open_live

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.lab import Lab

# The first time, the camera opens once `window.allow` is called.
SLOW_CAMERA = """
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
        navigator.mediaDevices.getUserMedia = ask;
        await new Promise((resolve) => { window.allow = resolve; });
        window.late = await ask(wanted);
        return window.late;
    };
"""


@pytest.fixture
def live(lab: Lab, filmed: Browser) -> Iterator[Live]:
    opened = open_live(lab, filmed)
    opened.press("Start")
    opened.more(5)
    yield opened
    opened.page.close()


def test_the_result_moves_and_the_controls_act(live: Live) -> None:
    source = live.pixels(".mk-live-thumbnail")
    shown = [live.pixels()]
    for _ in range(6):
        live.more(2)
        shown.append(live.pixels())
    assert shown[0].shape == (256, 256, 3)
    assert max(difference(shown[0], other) for other in shown[1:]) > 1
    assert max(difference(source, other) for other in shown) > 1
    assert live.differing(20) >= 18, "a result is a camera frame of its own"
    live.more(20)
    print(live.table())
    live.notebook.screenshot("live-running", live.root)

    live.press("Freeze")
    live.wait("w.dataset.state === 'frozen'")
    live.page.wait_for_timeout(500)
    held, count = live.pixels(), live.results()
    live.page.wait_for_timeout(1500)
    assert live.results() == count and np.array_equal(live.pixels(), held)
    seconds = live.slide("Strength", 2)
    print(f"slider to changed pixels: {seconds:.2f} s")
    assert seconds < 10  # the goal is 0.3, on a machine that does nothing else
    assert difference(live.pixels(), held) > 0.5
    # A field that was emptied goes back to what was there, and Jupyter's keys do not act on a slider's cell.
    slider, field = live.root.get_by_label("Strength").all()
    field.fill("")
    field.press("Tab")
    assert [field.input_value(), slider.input_value()] == ["2", "2"]
    cells = live.page.locator(".jp-Cell")
    there = cells.count()
    slider.press("b")
    live.page.wait_for_timeout(300)
    assert cells.count() == there
    # No movement from a neutral pose is the source itself, but for label, watermark and JPEG.
    count = live.results()
    live.press("Calibrate")
    live.wait(f"Number(w.dataset.results) > {count}")
    inside = np.s_[:220]
    assert difference(live.pixels()[inside], source[inside]) < 2.5
    live.press("Reset")
    live.press("Go on")
    live.more(3)

    live.press("Stop")
    live.wait("w.dataset.state === 'stopped' && !w.querySelector('video[autoplay], .mk-live-feed video')")
    live.press("Start")
    live.wait("w.dataset.state === 'running' && Number(w.dataset.results) > 3")


def test_a_recording_is_labelled_and_moves(live: Live, lab: Lab) -> None:
    live.press("Record")
    live.wait("w.querySelector('.mk-live-on:not([hidden])')")
    live.more(12)
    live.press("Stop recording")
    live.wait("w.querySelector('.mk-live-recorded video').videoWidth === 256")
    live.notebook.screenshot("live-recorded", live.root)
    live.more(3)
    (path,) = (lab.root / "output" / "webcam").glob("*.mp4")
    assert trust.SOURCE_TYPE in media.read_metadata(path)["comment"]
    frames = list(media.open_clip(path))
    assert frames[0].shape == (256, 256, 3)
    assert max(difference(frames[0], frame) for frame in frames) > 1
    with live.page.expect_download() as download:
        live.root.get_by_text("Download").click()
    assert download.value.path().read_bytes() == path.read_bytes()


def test_a_busy_a_restarted_kernel_and_a_lost_camera_are_told(live: Live) -> None:
    cell = live.page.locator(".jp-CodeCell").nth(1)
    cell.locator(".cm-content").click()
    live.page.keyboard.press("ControlOrMeta+a")
    # The interpreter's lock is held: where comms have a thread of their own, a mere time.sleep stops nothing.
    live.page.keyboard.type("ctypes.PyDLL(None).sleep(6)")
    live.page.keyboard.press("Shift+Enter")
    assert "busy" in live.says("No answer from the kernel")
    live.notebook.screenshot("live-busy", live.root)
    live.wait("!w.querySelector('.mk-banner')")
    live.more(3)

    live.root.locator("video").first.evaluate("v => v.srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
    assert "press Start" in live.says("taken away")
    live.press("Start")
    live.wait("w.dataset.state === 'running' && !w.querySelector('.mk-banner')")

    live.page.get_by_role("menuitem", name="Kernel", exact=True).click()
    live.page.get_by_role("menuitem", name=re.compile("Restart Kernel…")).click()
    live.page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    assert "again" in live.says("kernel was restarted")
    live.wait("w.dataset.state === 'stopped' && !w.querySelector('.mk-live-feed video')")


def test_a_reload_brings_it_back_and_start_goes_on(live: Live, lab: Lab) -> None:
    for name, value in (("Strength", "1.4"), ("Smoothing", "0.3"), ("Mouth", "1.5")):
        live.root.get_by_label(name).first.fill(value)
    live.root.get_by_label("Mirror").uncheck()
    live.press("Record")
    live.wait("w.querySelector('.mk-live-on:not([hidden])')")
    live.more(5)
    again = live.reload(lab)
    again.root.get_by_text("sample portrait").wait_for(timeout=PATIENCE)
    again.wait("w.querySelector('.mk-live-thumbnail').naturalWidth > 0")
    for name, value in (("Strength", "1.4"), ("Smoothing", "0.3"), ("Mouth", "1.5"), ("Eyes", "1")):
        assert again.root.get_by_label(name).first.input_value() == value
    assert not again.root.get_by_label("Mirror").is_checked()
    assert again.root.get_attribute("data-state") == "stopped"
    assert "Press Start" in again.root.get_by_text("The camera is off").inner_text()
    assert difference(again.pixels(), again.pixels(".mk-live-thumbnail")) < 2.5, "the source, not an empty square"
    again.notebook.screenshot("live-reloaded", again.root)
    # What was recorded before is not lost.
    again.press("Stop recording")
    again.wait("w.querySelector('.mk-live-recorded video').videoWidth === 256")

    again.press("Start")
    again.more(5)
    shown = again.pixels()
    again.more(5)
    assert difference(shown, again.pixels()) > 0.3
    assert again.root.locator(".mk-live-mirrored").count() == 0
    assert again.root.locator("video").first.evaluate("v => getComputedStyle(v).transform") == "none"
    again.notebook.screenshot("live-reloaded-running", again.root)
    again.press("Stop")
    again.root.get_by_text("Press Start and allow the camera").wait_for()
    again.press("Reset")
    assert [again.root.get_by_label(name).first.input_value() for name in ("Strength", "Mouth")] == ["1", "1"]


def test_in_the_dark_and_narrow(lab: Lab, filmed: Browser) -> None:
    live = open_live(lab, filmed, dark=True, width=800)
    live.root.get_by_label("Mouth").first.fill("1.5")
    live.press("Start")
    live.more(10)
    live.notebook.screenshot("live-dark-800", live.root)
    assert live.root.evaluate("w => w.classList.contains('mk-dark')")
    assert live.root.evaluate("w => w.scrollWidth - w.clientWidth") <= 0
    live.page.close()


def test_without_a_camera_a_clip_drives(lab: Lab, chromium: Browser) -> None:
    live = open_live(lab, chromium)
    live.press("Start")
    assert "clip" in live.says("No camera was found")
    live.notebook.screenshot("live-no-camera", live.root)
    live.press("Clip")
    live.root.get_by_label("Path of a clip or motion template").fill("not/there.mp4")
    live.press("Start")
    live.says("no such file")
    live.root.get_by_label("Path of a clip or motion template").fill("")
    live.press("Use clip")
    live.more(5)
    first, driving = live.pixels(), live.pixels(".mk-live-driving")
    live.more(5)
    assert difference(first, live.pixels()) > 0.5 and difference(driving, live.pixels(".mk-live-driving")) > 0.5
    live.notebook.screenshot("live-clip", live.root)
    live.press("Freeze")
    live.wait("w.dataset.state === 'frozen' && w.querySelector('.mk-live-hint').hidden")
    live.page.close()


def test_a_camera_that_opens_after_it_was_given_up_is_given_back(lab: Lab, filmed: Browser) -> None:
    live = open_live(lab, filmed, script=SLOW_CAMERA)
    live.press("Start")
    live.wait("window.allow")
    live.press("Cancel")
    live.press("Start")
    live.more(3)
    live.page.evaluate("window.allow()")
    live.wait("window.late?.getTracks().every((track) => track.readyState === 'ended')")
    live.more(3)
    assert live.root.locator("video").first.evaluate("v => v.srcObject !== window.late && v.srcObject.active")
    live.page.close()


def test_an_error_from_before_the_page_is_shown_and_survives_a_reload(lab: Lab, chromium: Browser) -> None:
    (lab.root / "notes.txt").write_text("no picture")
    live = open_live(
        lab, chromium, cells=("import motionkit as mk\nwebcam = mk.webcam(mk.load_model(), 'notes.txt')\nwebcam",)
    )
    told = live.says("notes.txt")
    assert "This is not a picture" in told
    card = live.root.locator(".mk-card").filter(has_text="None yet")
    assert card.count() == 1 and "Loading" not in card.inner_text()
    live.notebook.screenshot("live-no-source", live.root)
    again = live.reload(lab)
    assert again.says("notes.txt") == told
    again.press("Dismiss")
    again.wait("!w.querySelector('.mk-banner')")
    again.press("Sample")
    again.root.get_by_text("sample portrait").wait_for(timeout=PATIENCE)
    assert not again.root.locator(".mk-banner").is_visible() and again.root.get_by_text("None yet").count() == 0
    again.page.close()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("", "may not use the camera"),
        ("Object.defineProperty(navigator, 'mediaDevices', {value: undefined})", "VS Code"),
    ],
    ids=["refused", "no mediaDevices"],
)
def test_a_refused_camera_is_told(lab: Lab, start_chromium: Callable[..., Browser], script: str, words: str) -> None:
    browser = start_chromium(*FAKE)
    live = open_live(lab, browser, script=script)
    live.press("Start")
    live.says(words)
    assert live.root.get_attribute("data-state") == "stopped"
    browser.close()
