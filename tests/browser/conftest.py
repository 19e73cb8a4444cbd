"""Real JupyterLab in real Chromium; where either is missing, these tests skip and say so."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from motionkit import media, samples
from tests.browser.lab import Lab, Notebook, wait_for_server
from tests.browser.panel import ANSWER, CELL
from tests.browser.webcam import ALLOWED, FAKE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# Chromium must not look for its maker's servers: where there is no network, every attempt costs time.
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


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
                "--ServerApp.disable_check_xsrf=True", "--LabApp.news_url=",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            ],
            env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            wait_for_server(f"http://127.0.0.1:{port}/api/status", server, home / "log")
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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def filmed(start_chromium: Callable[..., Browser], film: Path) -> Iterator[Browser]:
    """Chromium with a camera that may be used."""
    browser = start_chromium(*FAKE, ALLOWED, f"--use-file-for-fake-video-capture={film}")
    yield browser
    browser.close()


@pytest.fixture
def open_panel(lab: Lab, chromium: Browser) -> Iterator[Callable[..., tuple[Notebook, Page]]]:
    """Opens a notebook with the panel, on a clip of one second."""
    pages = []
    with media.VideoWriter(lab.root / "short.mp4", fps=Fraction(25)) as writer:
        for _, frame in zip(range(25), media.open_clip(samples.driving_clip()), strict=False):
            writer.write(frame)

    def start(
        name: str, *cells: str, width: int = 1280, height: int = 1400, dark: bool = False, browser: Browser = chromium
    ) -> tuple[Notebook, Page]:
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
