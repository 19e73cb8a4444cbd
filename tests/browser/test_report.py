"""The report of an evaluation, opened as a file in Chromium: all of it is inside, and it fits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import motionkit as mk
from tests.support.evaluations import MeshStandIn, save_tiny, write_clips
from tests.support.meshes import face
from tests.support.places import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHOTS = ROOT / "output" / "browser"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models on seven clips, one of which cannot be read and has a name that must be escaped."""
    folder = tmp_path_factory.mktemp("report")
    write_clips(folder / "clips", 6)
    (folder / "clips" / "<b>broken.mp4").write_bytes(b"no film")
    models = [save_tiny(folder / "one.safetensors"), save_tiny(folder / "two.safetensors", brighter=0.5)]
    options = mk.EvaluateOptions(
        metrics=["pixels", "flicker", "colour", "following"],
        landmarks=MeshStandIn([face((3.0 * n, 0, 0), mouth=n) for n in range(4)]),
        pictures=2,
    )
    mk.evaluate(models, folder / "clips", output=folder / "out", options=options, device="cpu")
    return folder / "out" / "report.html"


@pytest.fixture
def page(chromium: Browser, report: Path) -> Iterator[Page]:
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.goto(report.as_uri())
    yield page
    assert [url for url in asked if not url.startswith(("data:", "file:"))] == [], "it needs no network"
    assert len([url for url in asked if url.startswith("file:")]) == 1 and told == []
    page.close()


def test_everything_is_in_one_file(page: Page) -> None:
    assert page.locator("h1").inner_text() == "Evaluation: one, two"
    assert page.locator("table thead th").all_inner_texts()[:5] == [
        "figure", "one: mean", "median", "95% interval", "two: mean",
    ]  # fmt: skip
    assert page.locator("table tbody tr").count() == len(page.locator("svg").all()), "a plot for each line"
    loaded = page.locator("img").evaluate_all(
        "images => images.map(image => image.complete && image.naturalWidth > 300)"
    )
    assert loaded == [True] * 8, "two worst and two best of each model"
    failures = page.locator("h2:has-text('Could not be measured') + ul li").all_inner_texts()
    assert len(failures) == 2 and all(line.startswith("<b>broken.mp4 (") for line in failures)
    headings = page.locator("h2").all_inner_texts()
    assert headings[:5] == [
        "Clip by clip",
        "Worst by l1: one",
        "Best by l1: one",
        "Worst by l1: two",
        "Best by l1: two",
    ]
    assert page.locator("body").inner_text().count("* Other data: the published column") == 1


def test_a_dot_for_each_clip_and_the_mean_inside_its_interval(page: Page) -> None:
    plot = page.locator("svg[aria-label=l1]")
    assert plot.locator("circle").count() == 2 * 6 and plot.locator("rect").count() == 2
    ends = plot.locator("line[stroke-width='8']").evaluate_all(
        "lines => lines.map(line => [+line.getAttribute('x1'), +line.getAttribute('x2')])"
    )
    middles = plot.locator("rect").evaluate_all(
        "blocks => blocks.map(block => +block.getAttribute('x') + block.getAttribute('width') / 2)"
    )
    for (left, right), middle in zip(ends, middles, strict=True):
        assert 12 <= left <= middle <= right <= 608


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_nothing_is_cut_off(page: Page, width: int, dark: bool) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="dark" if dark else "light")
    wide, seen = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= seen, "only the table may be scrolled sideways"
    boxes = page.locator("svg, img").evaluate_all("all => all.map(one => one.getBoundingClientRect().right)")
    assert max(boxes) <= width
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"report-{width}.png", full_page=True)
