"""JupyterLab on a page of the browser, as the tests use it."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

START_SECONDS, CELL_SECONDS = 120, 240  # the machine may be busy; a quiet one needs a tenth
BEGIN_SECONDS, RUN_ATTEMPTS = 20, 3
ARTEFACTS = Path(os.environ.get("MOTIONKIT_ARTEFACTS", "output/browser"))  # where screenshots are kept


@dataclass(frozen=True)
class Lab:
    """A running server.

    Attributes:
        url: Where it answers.
        root: The folder that it shows.
        settings: Where its users' settings are.
    """

    url: str
    root: Path
    settings: Path

    def open(self, page: Page, name: str, *, dark: bool = False) -> Notebook:
        """Open a notebook of the root folder alone on the page."""
        self._choose_theme(dark)
        page.set_default_timeout(START_SECONDS * 1000)  # waits that are not timed must not end on a busy machine
        self._start_kernel(name)
        page.goto(f"{self.url}/lab/tree/{name}?reset")
        page.get_by_role("tab", name=name.rsplit("/", maxsplit=1)[-1]).wait_for(timeout=START_SECONDS * 1000)
        page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=START_SECONDS * 1000)
        # The whole width belongs to the notebook.
        page.evaluate("document.querySelectorAll('.jp-SideBar.lm-mod-left .lm-mod-current').forEach(t => t.click())")
        return Notebook(page)

    def write(self, name: str, *cells: str) -> None:
        """Write a notebook of code cells into the root folder."""
        import nbformat

        metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
        node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells], metadata=metadata)
        nbformat.write(node, self.root / name)

    def _start_kernel(self, name: str) -> None:
        """Start a notebook's kernel, unless it runs: where the machine is busy, a page that finds none asks for it."""
        wanted = {"path": name, "name": name, "type": "notebook", "kernel": {"name": "python3"}}
        request = urllib.request.Request(  # noqa: S310  # JupyterLab's own address
            f"{self.url}/api/sessions", json.dumps(wanted).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=START_SECONDS).close()  # noqa: S310

    def _choose_theme(self, dark: bool) -> None:
        folder = self.settings / "@jupyterlab" / "apputils-extension"
        folder.mkdir(parents=True, exist_ok=True)
        theme = {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"}
        # Without the questions that a first start asks.
        quiet = {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True}
        for name, values in (("themes", theme), ("notification", quiet)):
            (folder / f"{name}.jupyterlab-settings").write_text(json.dumps(values), encoding="utf-8")


@dataclass(frozen=True)
class Notebook:
    """A notebook open in JupyterLab."""

    page: Page

    def run_all(self, *, seconds: float = CELL_SECONDS) -> None:
        """Run all cells and wait until the last one is done; a cell that fails fails the test."""
        # What is run before the kernel is connected is lost now and then.
        idle = self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")
        idle.wait_for(state="attached", timeout=START_SECONDS * 1000)
        for attempt in range(RUN_ATTEMPTS):
            self.page.locator(".jp-Notebook .jp-Cell").first.click()
            self.page.get_by_role("menuitem", name="Run", exact=True).click()
            self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            if self._has_begun() or attempt == RUN_ATTEMPTS - 1:
                break
        self.wait_idle(seconds=seconds)

    def _has_begun(self) -> bool:
        """Whether any cell waits, runs or has run soon after it was asked for.

        Asking again too early would run the cells twice, and the second time take away what the test looks at.
        """
        deadline = time.monotonic() + BEGIN_SECONDS
        while time.monotonic() < deadline:
            prompts = self.page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
            if any(prompt.strip(" []:") for prompt in prompts):
                return True
            self.page.wait_for_timeout(200)
        return False

    def wait_idle(self, *, seconds: float = CELL_SECONDS) -> None:
        """Wait until no cell is waiting or running, and check that none failed."""
        self.page.wait_for_function(
            """() => {
                const code = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(e => e.textContent);
                return code.length && code.every(prompt => /\\[\\d+\\]/.test(prompt));
            }""",
            timeout=seconds * 1000,
        )
        errors = self.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']")
        assert errors.count() == 0, errors.first.inner_text()

    def screenshot(self, name: str, of: Locator | None = None) -> Path:
        """Keep a picture of the page, or of one element, among the artefacts."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        (of or self.page).screenshot(path=str(path))
        return path


def wait_for_server(url: str, server: subprocess.Popen[Any], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, f"JupyterLab ended: {log.read_text(errors='replace')[-2000:]}"
        try:
            urllib.request.urlopen(url, timeout=2).close()  # noqa: S310  # JupyterLab's own address
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"JupyterLab does not answer: {log.read_text(errors='replace')[-2000:]}")
