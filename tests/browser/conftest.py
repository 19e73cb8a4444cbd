"""Real JupyterLab in real Chromium; where either is missing, these tests skip and say so."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Chromium must not look for its maker's servers: where there is no network, every attempt costs time.
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
START_SECONDS, CELL_SECONDS = 60, 120
RUN_ATTEMPTS = 3
ARTEFACTS = Path(os.environ.get("MOTIONKIT_ARTEFACTS", "output/browser"))  # where screenshots are kept


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A JupyterLab server in an empty folder."""
    pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
    root, home = tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("home")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {f"JUPYTER_{name}_DIR": str(home / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    environment |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "PYTHONUNBUFFERED": "1"}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
                "--IdentityProvider.token=", f"--ServerApp.root_dir={root}", "--ServerApp.open_browser=False",
                "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            ],
            env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            _wait_for(f"http://127.0.0.1:{port}/api/status", server, home / "log")
            yield Lab(f"http://127.0.0.1:{port}", root, home / "settings")
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # its kernels too
            server.wait(timeout=30)


@pytest.fixture(scope="session")
def start_chromium() -> Iterator[Callable[..., Browser]]:
    """Starts Chromium, with further arguments such as a fake camera's."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        yield lambda *arguments: playwright.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *arguments])


@pytest.fixture(scope="session")
def chromium(start_chromium: Callable[..., Browser]) -> Iterator[Browser]:
    """Chromium without a camera."""
    browser = start_chromium()
    yield browser
    browser.close()


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
        # On a busy machine JupyterLab may ask for the kernel that the notebook names already.
        asks = page.locator(".jp-Dialog", has_text="Select Kernel")
        page.add_locator_handler(asks, lambda dialog: dialog.locator("button.jp-mod-accept").click())
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
        """Whether any cell waits, runs or has run, three seconds after it was asked for."""
        self.page.wait_for_timeout(3000)
        prompts = self.page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
        return any(prompt.strip(" []:") for prompt in prompts)

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


def _wait_for(url: str, server: subprocess.Popen[Any], log: Path) -> None:
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
