"""The panel in real JupyterLab: what a user does with it, and what he sees."""

from __future__ import annotations

import re
import statistics
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image
from skimage import data

from motionkit import media, samples

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SECONDS = 1000  # in milliseconds, as playwright counts
ANSWER = 60 * SECONDS  # on a busy machine; what it takes is measured and printed
CELL = """
import motionkit as mk
model = mk.load_model("heads", device="cpu")
panel = mk.panel(model, driving="short.mp4", output="out")
panel
"""
# The page loses patience with a silent kernel after two seconds.
HASTY = """
from motionkit.widgets.panel import SliderPanel
SliderPanel._esm = SliderPanel._esm.replace("20_000", "2_000")
"""

READY = 'panel = mk.panel(model=model, output="ready")\npanel'
# Looks at every picture that the page is about to show, for a result that is not empty.
WATCH = """() => {
    const look = () => {
        const canvas = document.querySelector("figure[data-caption=result] canvas");
        const data = canvas?.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        if (data && new Set(data).size > 50) window.shown = performance.now();
        else requestAnimationFrame(look);
    };
    look();
}"""


@pytest.fixture
def notebook(lab: Any, chromium: Browser) -> Iterator[Callable[..., tuple[Any, Page]]]:
    """Opens a notebook with the panel, on a clip of one second."""
    pages = []
    with media.VideoWriter(lab.root / "short.mp4", fps=Fraction(25)) as writer:
        for _, frame in zip(range(25), media.open_clip(samples.driving_clip()), strict=False):
            writer.write(frame)

    def start(
        name: str, *cells: str, width: int = 1280, height: int = 1400, dark: bool = False, browser: Browser = chromium
    ) -> tuple[Any, Page]:
        page = browser.new_page(viewport={"width": width, "height": height})
        pages.append(page)
        lab.write(f"{name}.ipynb", *(cells or [CELL]))
        opened = lab.open(page, f"{name}.ipynb", dark=dark)
        if page.locator("#jp-left-stack").is_visible():
            page.keyboard.press("Control+b")  # the whole width for the notebook
        opened.run_all()
        page.locator(".mk-preview[data-answers] canvas").first.wait_for(timeout=ANSWER)
        return opened, page

    yield start
    for page in pages:
        if page.is_closed():
            continue
        if dialogs := page.locator(".jp-Dialog").all_inner_texts():
            print("JupyterLab says:", *dialogs)  # explains a click that did not come through
        page.close()


def pixels(page: Page, caption: str = "result") -> np.ndarray:
    """A panel of the preview, as it is on the page."""
    values = page.evaluate(
        """caption => {
            const canvas = document.querySelector(`figure[data-caption=${caption}] canvas`);
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return {data: Array.from(data.data), width: canvas.width};
        }""",
        caption,
    )
    return np.array(values["data"], dtype=np.uint8).reshape(-1, values["width"], 4)[..., :3]


def slide(page: Page, name: str, value: float) -> float:
    """Move a slider; the seconds from its event until the result's pixels differ."""
    return page.evaluate(
        """([name, value]) => new Promise((resolve, reject) => {
            const canvas = document.querySelector("figure[data-caption=result] canvas");
            const look = () => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.join();
            const before = look();
            const slider = document.querySelector(`input[type=range][data-name=${name}]`);
            slider.value = value;
            const begun = performance.now();
            slider.dispatchEvent(new Event("input", {bubbles: true}));
            const check = () => {
                if (look() !== before) resolve((performance.now() - begun) / 1000);
                else if (performance.now() - begun > 60000) reject(new Error(`${name} changes nothing`));
                else setTimeout(check, 5);
            };
            check();
        })""",
        [name, value],
    )


def settled(page: Page) -> None:
    """Wait until the clip's keypoints are all there: measuring begins after it."""
    page.wait_for_function("document.querySelector('.mk-status').textContent === ''", timeout=ANSWER)


def test_a_slider_moves_the_picture(notebook: Callable[..., tuple[Any, Page]], capsys: pytest.CaptureFixture) -> None:
    opened, page = notebook("slide")
    settled(page)
    first = pixels(page)
    assert first.shape == (256, 256, 3) and first.std() > 20
    slide(page, "frame", 20)
    times = [slide(page, "strength", value) for value in (1.9, 1.6, 1.3, 0.7, 0.4, 1.5)]
    times += [slide(page, "gain-mouth", value) for value in (3, 2, 0.5)]
    with capsys.disabled():
        print(f"\nslider to changed pixels: median {statistics.median(times):.2f} s, longest {max(times):.2f} s")
    shown = page.locator(".mk-seconds").inner_text()
    assert shown.endswith(" s") and 0 < float(shown.removesuffix(" s")) < 10
    page.wait_for_function(
        "document.querySelector('.mk-call code').textContent.includes('strength=1.5, gains={\"mouth\": 0.5}')"
    )
    page.locator("input[data-name=overlay-flow]").check()
    page.locator("figure[data-caption=flow] canvas").wait_for(timeout=ANSWER)
    assert pixels(page, "flow").std() > 5
    opened.screenshot("panel-light")


def test_it_is_ready_soon_after_the_model(lab: Any, chromium: Browser, capsys: pytest.CaptureFixture) -> None:
    """From running the panel's cell, with the model loaded, to the first result's pixels on the page (goal 2 s)."""
    lab.write("ready.ipynb", 'import motionkit as mk\nmodel = mk.load_model("heads", device="cpu")', READY)
    page = chromium.new_page(viewport={"width": 1280, "height": 1400})
    opened = lab.open(page, "ready.ipynb")
    page.evaluate(WATCH)
    cells, prompt = page.locator(".jp-CodeCell"), ".jp-InputPrompt"
    # The first cell by itself, and only then the panel's: loading the model is not counted.
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(state="attached", timeout=ANSWER)
    for _ in range(3):  # what is run before the kernel is connected is lost now and then
        cells.first.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(3000)
        if cells.first.locator(prompt).inner_text().strip(" []:"):
            break
    page.wait_for_function(f"/[0-9]/.test(document.querySelector('.jp-CodeCell {prompt}').textContent)", timeout=ANSWER)
    cells.nth(1).locator(".cm-content").click()
    page.evaluate("window.begun = performance.now()")
    page.keyboard.press("Control+Enter")
    page.wait_for_function("window.shown !== undefined", timeout=ANSWER)
    seconds = page.evaluate("(window.shown - window.begun) / 1000")
    with capsys.disabled():
        print(f"\nrunning the panel's cell to the first result's pixels: {seconds:.2f} s")
    opened.wait_idle()
    assert pixels(page).std() > 20
    assert 0 < seconds < 10
    opened.screenshot("panel-ready")
    page.close()


def test_the_whole_way(notebook: Callable[..., tuple[Any, Page]], lab: Any) -> None:
    opened, page = notebook("animate")
    animate, cancel = (page.get_by_role("button", name=name, exact=True) for name in ("Animate", "Cancel"))
    animate.click()
    page.wait_for_function("/Frame [2-9]/.test(document.querySelector('.mk-told').textContent)", timeout=ANSWER)
    opened.screenshot("panel-running")
    cancel.click()
    page.get_by_text("Cancelled; nothing was written").wait_for(timeout=ANSWER)
    assert not list((lab.root / "out").glob("*.mp4"))
    animate.click()
    page.wait_for_function("document.querySelector('.mk-video').currentTime > 0.2", timeout=2 * ANSWER)
    then = page.evaluate("document.querySelector('.mk-video').currentTime")
    page.wait_for_function("then => document.querySelector('.mk-video').currentTime != then", arg=then)
    opened.screenshot("panel-done", page.locator(".mk-result"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Download result").click()
    kept = Path(download.value.path())
    written = lab.root / "out" / "astronaut-short.mp4"
    assert download.value.suggested_filename == written.name and kept.read_bytes() == written.read_bytes()
    assert "Generated by AI" in media.read_metadata(written)["comment"]
    page.get_by_label("Folder to save to").fill(str(lab.root / "panel-drive"))
    page.get_by_role("button", name="Save to Drive").click()
    page.get_by_text("Saved astronaut-short.mp4").wait_for()
    assert {path.name for path in (lab.root / "panel-drive").iterdir()} == {
        "astronaut-short.mp4", "astronaut-short-collage.mp4",
    }  # fmt: skip


def test_mistakes_are_told_and_forgiven(notebook: Callable[..., tuple[Any, Page]], lab: Any) -> None:
    opened, page = notebook("mistakes")
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
    chosen = [card.locator("select").evaluate("e => e.value") for card in (source, driving)]
    assert chosen == ["Portrait", ""], "short.mp4 is no sample"


def test_a_busy_and_a_restarted_kernel_are_told(notebook: Callable[..., tuple[Any, Page]]) -> None:
    opened, page = notebook("silent", HASTY + CELL, "import ctypes")
    settled(page)
    slide(page, "frame", 20)  # of the first one, strength changes nothing
    before = pixels(page)
    banner = page.locator(".mk-banner")
    cell = page.locator(".jp-CodeCell").nth(1)
    cell.locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    # The interpreter's lock is held: where comms have a thread of their own, a mere time.sleep stops nothing.
    page.keyboard.type("ctypes.PyDLL(None).sleep(10)")
    page.keyboard.press("Shift+Enter")
    cell.get_by_text("[*]").wait_for()
    page.wait_for_timeout(1000)  # that is shown before it is sent
    page.locator("input[type=range][data-name=strength]").fill("1.9")
    banner.filter(has_text="does not answer").wait_for(timeout=6 * SECONDS)
    opened.screenshot("panel-busy", page.locator(".mk-panel"))
    banner.wait_for(state="detached", timeout=ANSWER)
    page.wait_for_function("document.querySelector('.mk-call code').textContent.includes('strength=1.9')")
    page.wait_for_timeout(1000)
    assert np.abs(pixels(page).astype(int) - before).mean() > 1, "the answer that came late is shown"
    page.wait_for_timeout(3000)
    assert banner.count() == 0

    page.get_by_role("button", name="Animate", exact=True).click()
    page.get_by_role("button", name="Cancel", exact=True).wait_for()
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name=re.compile("Restart Kernel…")).click()
    page.locator(".jp-Dialog").get_by_role("button", name="Confirm Kernel Restart").click()
    gone = banner.filter(has_text="kernel was restarted")
    gone.wait_for(timeout=ANSWER)
    opened.screenshot("panel-gone", page.locator(".mk-panel"))
    assert not page.get_by_role("button", name="Cancel", exact=True).is_visible()
    source = page.locator("[data-role=source]")
    for press in ("Animate", "Open"):
        gone.get_by_role("button", name="Dismiss").click()
        assert gone.count() == 0
        (source if press == "Open" else page).get_by_role("button", name=press, exact=True).click()
        gone.wait_for()
    assert "astronaut.png" in source.inner_text() and "Opening" not in source.inner_text()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(state="attached", timeout=ANSWER)


def test_a_large_picture_is_uploaded_and_cropped_by_hand(
    notebook: Callable[..., tuple[Any, Page]], tmp_path: Path, lab: Any
) -> None:
    opened, page = notebook("upload")
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


def test_a_reload_brings_it_back(notebook: Callable[..., tuple[Any, Page]], lab: Any) -> None:
    _, page = notebook("reload")
    slide(page, "frame", 12)
    slide(page, "strength", 1.8)
    page.get_by_role("button", name="Animate", exact=True).click()
    page.wait_for_function("document.querySelector('.mk-video').currentTime > 0.1", timeout=2 * ANSWER)
    before = pixels(page)
    # An animation that fails leaves the earlier one where it is.
    (lab.root / "short.mp4").rename(lab.root / "away.mp4")
    page.get_by_role("button", name="Animate", exact=True).click()
    failure = page.locator(".mk-banner.mk-error", has_text="short.mp4")
    failure.wait_for(timeout=ANSWER)
    (lab.root / "away.mp4").rename(lab.root / "short.mp4")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+s")
    page.wait_for_timeout(2000)
    page.goto(f"{lab.url}/lab/tree/reload.ipynb?reset")
    page.locator(".mk-preview[data-answers] canvas").first.wait_for(timeout=ANSWER)
    assert page.locator("input[type=range][data-name=strength]").input_value() == "1.8"
    assert page.locator("input[type=range][data-name=frame]").input_value() == "12"
    page.wait_for_function("document.querySelector('.mk-video').currentTime > 0.1", timeout=ANSWER)
    assert np.abs(pixels(page).astype(int) - before).max() <= 2
    assert failure.is_visible()
    page.get_by_role("button", name="Animate", exact=True).click()
    page.get_by_text("25 frames in").wait_for(timeout=2 * ANSWER)
    assert failure.count() == 0


def test_a_snapshot_and_a_recording(notebook: Callable[..., tuple[Any, Page]], start_chromium: Callable) -> None:
    browser = start_chromium("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    _, page = notebook("camera", browser=browser)
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


@pytest.mark.parametrize(("dark", "width"), [(True, 1280), (False, 800), (True, 800)])
def test_it_looks_right(notebook: Callable[..., tuple[Any, Page]], dark: bool, width: int) -> None:
    opened, page = notebook(f"looks-{width}-{dark}", width=width, height=2000, dark=dark)
    settled(page)
    panel = page.locator(".mk-panel")
    assert panel.evaluate("e => e.classList.contains('mk-dark')") is dark
    assert panel.evaluate("e => e.scrollWidth <= e.clientWidth"), "the panel is wider than its place"
    page.locator(".mk-details summary", has_text="Each keypoint").click()
    opened.screenshot(f"panel-{'dark' if dark else 'light'}-{width}", panel)
