"""The panel on a page, as the tests use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SECONDS = 1000  # in milliseconds, as playwright counts
ANSWER = 120 * SECONDS  # on a busy machine; what it takes is measured and printed
CELL = """
import motionkit as mk
model = mk.load_model("heads", device="cpu")
panel = mk.panel(model, driving="short.mp4", output="out")
panel
"""


def shown(canvas: Locator) -> np.ndarray:
    """A canvas's pixels, H W 3."""
    values = canvas.evaluate(
        """canvas => {
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return {data: Array.from(data.data), width: canvas.width};
        }"""
    )
    return np.array(values["data"], dtype=np.uint8).reshape(-1, values["width"], 4)[..., :3]


def pixels(page: Page, caption: str = "result") -> np.ndarray:
    """A panel of the preview, as it is on the page."""
    return shown(page.locator(f"figure[data-caption={caption}] canvas"))


def slide(page: Page, name: str, value: float, canvas: str = "figure[data-caption=result] canvas") -> float:
    """Move a slider; the seconds from its event until the canvas's pixels differ."""
    return page.evaluate(
        """([name, value, selector]) => new Promise((resolve, reject) => {
            const canvas = document.querySelector(selector);
            // Looking must be quick: what it takes is measured too.
            const look = () => {
                const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                return new Uint32Array(data.buffer);
            };
            const before = look();
            const slider = document.querySelector(`input[type=range][data-name=${name}]`);
            slider.value = value;
            const begun = performance.now();
            slider.dispatchEvent(new Event("input", {bubbles: true}));
            const check = () => {
                if (look().some((pixel, i) => pixel !== before[i])) resolve((performance.now() - begun) / 1000);
                else if (performance.now() - begun > 60000) reject(new Error(`${name} changes nothing`));
                else setTimeout(check, 5);
            };
            check();
        })""",
        [name, value, canvas],
    )


def settled(page: Page) -> None:
    """Wait until the clip's keypoints are all there: measuring begins after it."""
    page.wait_for_function("document.querySelector('.mk-status').textContent === ''", timeout=ANSWER)
