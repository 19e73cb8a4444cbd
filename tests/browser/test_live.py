"""The webcam widget in JupyterLab, with Chromium's fake camera playing the sample clip."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from motionkit import media, samples, trust

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import Lab, Notebook

# Quick to answer, not quick to compute: a busy machine may need long for a result.
PATIENCE = 60_000  # ms
CELLS = ("import ctypes\nimport motionkit as mk\nwebcam = mk.webcam(mk.load_model())\nwebcam", "None")
FAKE = ("--use-fake-device-for-media-stream",)
ALLOWED = "--use-fake-ui-for-media-stream"
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


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample clip as a camera would see it: 640×480, motion JPEG."""
    import av

    path = tmp_path_factory.mktemp("camera") / "film.mjpeg"
    with av.open(str(path), "w", format="mjpeg") as film:
        stream = film.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuvj420p"
        stream.bit_rate = 20_000_000
        for frame in media.open_clip(samples.driving_clip(), size=(480, 480)):
            wide = np.pad(frame, ((0, 0), (80, 80), (0, 0)), mode="edge")
            film.mux(stream.encode(av.VideoFrame.from_ndarray(wide, format="rgb24").reformat(format="yuvj420p")))
        film.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def filmed(start_chromium: Callable[..., Browser], film: Path) -> Iterator[Browser]:
    """Chromium with a camera that may be used."""
    browser = start_chromium(*FAKE, ALLOWED, f"--use-file-for-fake-video-capture={film}")
    yield browser
    browser.close()


class Live:
    """The widget on a page."""

    def __init__(self, page: Page, notebook: Notebook) -> None:
        self.page, self.notebook = page, notebook
        self.root = page.locator(".mk-live")
        self.root.wait_for()

    def press(self, name: str) -> None:
        self.root.get_by_role("button", name=name, exact=True).click()

    def results(self) -> int:
        return int(self.root.get_attribute("data-results") or 0)

    def wait(self, condition: str) -> None:
        """Until a condition on the widget's root, `w`, holds in the page."""
        self.page.wait_for_function(
            f"() => {{ const w = document.querySelector('.mk-live'); return {condition}; }}", timeout=PATIENCE
        )

    def more(self, count: int) -> None:
        """Until so many more results are shown."""
        self.wait(f"Number(w.dataset.results) >= {self.results() + count}")

    def pixels(self, of: str = ".mk-live-result") -> np.ndarray:
        """What a canvas or picture shows, H W 3."""
        url = self.root.locator(of).evaluate(
            """element => {
                const canvas = document.createElement('canvas');
                canvas.width = element.naturalWidth || element.width;
                canvas.height = element.naturalHeight || element.height;
                canvas.getContext('2d').drawImage(element, 0, 0);
                return canvas.toDataURL('image/png');
            }"""
        )
        with Image.open(io.BytesIO(base64.b64decode(url.split(",")[1]))) as picture:
            return np.asarray(picture.convert("RGB"))

    def differing(self, count: int) -> int:
        """Of the next results, shown one by one, how many differ from the one before."""
        return self.root.evaluate(
            """(root, count) => new Promise((resolve) => {
                const canvas = root.querySelector('.mk-live-result');
                const look = () => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
                let [seen, different, before] = [0, 0, look()];
                const watch = new MutationObserver(() => {
                    const now = look();
                    if (now.some((value, i) => value !== before[i])) different += 1;
                    before = now;
                    if (++seen === count) {
                        watch.disconnect();
                        resolve(different);
                    }
                });
                watch.observe(root, { attributeFilter: ['data-results'] });
            })""",
            count,
        )

    def slide(self, name: str, value: float) -> float:
        """Move a slider; the seconds from its event until the next result is shown."""
        return self.root.get_by_label(name).first.evaluate(
            """(slider, value) => new Promise((resolve) => {
                const begun = performance.now();
                const watch = new MutationObserver(() => {
                    watch.disconnect();
                    resolve((performance.now() - begun) / 1000);
                });
                watch.observe(slider.closest('.mk-live'), { attributeFilter: ['data-results'] });
                slider.value = value;
                slider.dispatchEvent(new Event('input', { bubbles: true }));
            })""",
            value,
        )

    def reload(self, lab: Lab) -> Live:
        """Save, load the page anew, and find the widget there."""
        self.page.keyboard.press("Escape")
        self.page.keyboard.press("ControlOrMeta+s")
        self.page.wait_for_timeout(2000)
        self.page.goto(f"{lab.url}/lab/tree/live.ipynb?reset")
        return Live(self.page, self.notebook)

    def says(self, words: str) -> str:
        """Wait until the banner says this; the whole text."""
        banner = self.root.locator(".mk-banner").filter(has_text=re.compile(words))
        banner.wait_for(timeout=PATIENCE)
        return banner.inner_text()

    def table(self) -> str:
        self.root.locator("details.mk-live-latency").evaluate("details => (details.open = true)")
        rows = self.root.locator(".mk-live-latency tr").all()
        lines = [" | ".join(row.locator("th, td").all_inner_texts()) for row in rows]
        figures = self.root.locator(".mk-live-figures").inner_text().replace("\n", " ")
        return "\n".join([figures, *lines])


def open_live(
    lab: Lab,
    browser: Browser,
    *,
    dark: bool = False,
    width: int = 1500,
    script: str = "",
    cells: tuple[str, ...] = CELLS,
) -> Live:
    lab.write("live.ipynb", *cells)
    page = browser.new_page(viewport={"width": width, "height": 1150})
    if script:
        page.add_init_script(script)
    notebook = lab.open(page, "live.ipynb", dark=dark)
    notebook.run_all(seconds=PATIENCE / 1000)
    return Live(page, notebook)


@pytest.fixture
def live(lab: Lab, filmed: Browser) -> Iterator[Live]:
    opened = open_live(lab, filmed)
    opened.press("Start")
    opened.more(5)
    yield opened
    opened.page.close()


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())


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
    assert seconds < 3  # the goal is 0.3, on a machine that does nothing else
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
    # No movement from a neutral pose is the source itself, but for the label and JPEG.
    count = live.results()
    live.press("Calibrate")
    live.wait(f"Number(w.dataset.results) > {count}")
    inside = np.s_[:220]
    assert difference(live.pixels()[inside], source[inside]) < 1.5
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
    assert difference(again.pixels(), again.pixels(".mk-live-thumbnail")) < 1.5, "the source, not an empty square"
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
