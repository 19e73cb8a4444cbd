"""The notebooks as they are shipped, run from top to bottom in JupyterLab, and their widgets used as a reader would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import nbformat
import numpy as np
import pytest
import run as runner

from motionkit import media, samples, trust
from tests.browser.webcam import PATIENCE, Live
from tests.support.places import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.lab import Lab, Notebook

NOTEBOOKS = ROOT / "notebooks"
FRAMES = 12
# Tall enough that JupyterLab draws the widget's cell, wherever the page is.
VIEW = {"width": 1400, "height": 2000}


@pytest.fixture
def run(lab: Lab) -> Iterator[Callable[..., tuple[Notebook, Page]]]:
    """Runs a shipped notebook on a clip of half a second."""
    pages = []
    with media.VideoWriter(lab.root / "half-second.mp4", fps=Fraction(25)) as writer:
        for _, frame in zip(range(FRAMES), media.open_clip(samples.driving_clip()), strict=False):
            writer.write(frame)

    def start(browser: Browser, name: str, **parameters: Any) -> tuple[Notebook, Page]:
        given = {"driving": "half-second.mp4", "device": "cpu", **parameters}
        nbformat.write(runner.with_parameters(NOTEBOOKS / f"{name}.ipynb", given), lab.root / f"shipped-{name}.ipynb")
        page = browser.new_page(viewport=VIEW)
        pages.append(page)
        opened = lab.open(page, f"shipped-{name}.ipynb")
        opened.run_all()
        assert not (lab.root / "constraints.txt").exists(), "what is installed already is left alone"
        return opened, page

    yield start
    for page in pages:
        page.close()


def plays(page: Page, video: str) -> None:
    """Wait until a video's time advances."""
    page.wait_for_function("video => document.querySelector(video)?.readyState >= 2", arg=video, timeout=PATIENCE)
    page.locator(video).evaluate("video => { video.muted = true; video.loop = true; return video.play(); }")
    then = page.locator(video).evaluate("video => video.currentTime")
    page.wait_for_function(
        "([video, then]) => document.querySelector(video).currentTime !== then", arg=[video, then], timeout=PATIENCE
    )


def test_animate(run: Callable[..., tuple[Notebook, Page]], lab: Lab, chromium: Browser) -> None:
    opened, page = run(chromium, "animate")
    result = "figure[data-caption=result] canvas"
    look = f"() => document.querySelector('{result}').toDataURL()"
    page.locator(f".mk-preview[data-answers] {result}").wait_for(timeout=PATIENCE)
    panel = page.locator(".mk-panel")
    panel.scroll_into_view_if_needed()
    panel.locator("input[type=range][data-name=frame]").fill(str(FRAMES - 1))
    before = page.evaluate(look)
    panel.locator("input[type=range][data-name=strength]").fill("2")
    page.wait_for_function(f"before => ({look})() !== before", arg=before, timeout=PATIENCE)
    page.wait_for_function("document.querySelector('.mk-call code').textContent.includes('strength=2')")
    panel.get_by_role("button", name="Animate", exact=True).click()
    plays(page, ".mk-panel .mk-video")
    opened.screenshot("notebook-animate")
    made = lab.root / "output" / "animate"
    (path,) = [path for path in (made / "panel").glob("*.mp4") if "collage" not in path.name]
    for clip in (path, made / "result.mp4"):  # the panel's and the cell's
        frames = list(media.open_clip(clip))
        assert len(frames) == FRAMES and frames[0].shape == (256, 256, 3)
        assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 0.3
        assert trust.SOURCE_TYPE in media.read_metadata(clip)["comment"]
    plays(page, ".jp-RenderedHTMLCommon figure.mk-result > video")  # the collage, by which the result shows itself


def test_live(run: Callable[..., tuple[Notebook, Page]], lab: Lab, filmed: Browser) -> None:
    opened, page = run(filmed, "live", seconds=1.0, save_to_drive="drive")
    live = Live(page, opened)
    live.root.scroll_into_view_if_needed()
    live.press("Start")
    live.more(3)
    assert live.differing(10) >= 8
    live.press("Record")
    live.wait("w.querySelector('.mk-live-on:not([hidden])')")
    live.more(8)
    live.press("Stop recording")
    plays(page, ".mk-live-recorded video")
    opened.screenshot("notebook-live")
    live.press("Stop")
    (path,) = (lab.root / "output" / "live" / "webcam").glob("webcam-*.mp4")
    frames = list(media.open_clip(path))
    assert frames[0].shape == (256, 256, 3)
    assert max(np.abs(frames[0].astype(int) - frame).mean() for frame in frames) > 0.3
    # The last cell again, as its text says: the recording goes to the Drive as well.
    assert not (lab.root / "drive" / path.name).exists()
    page.locator(".jp-CodeCell").last.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    page.locator(".jp-CodeCell").last.get_by_text(path.name).wait_for(timeout=PATIENCE)
    assert (lab.root / "drive" / path.name).read_bytes() == path.read_bytes()
