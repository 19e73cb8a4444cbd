"""The webcam widget on a page, as the tests use it."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.lab import Lab, Notebook

# Quick to answer, not quick to compute: a busy machine may need long for a result.
PATIENCE = 120_000  # ms
CELLS = ("import ctypes\nimport motionkit as mk\nwebcam = mk.webcam(mk.load_model())\nwebcam", "None")
FAKE = ("--use-fake-device-for-media-stream",)
ALLOWED = "--use-fake-ui-for-media-stream"


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
        try:
            self.page.wait_for_function(
                f"() => {{ const w = document.querySelector('.mk-live'); return {condition}; }}", timeout=PATIENCE
            )
        except Exception as error:
            state = f"{self.root.evaluate('w => ({...w.dataset})')}: {self.root.inner_text()!r}"
            raise AssertionError(f"Not within {PATIENCE / 1000:.0f} s: {condition}; the widget is {state}") from error

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
    notebook.run_all()
    return Live(page, notebook)


def difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other).mean())
