"""The panel on Colab's versions: its own tests in Colab's Python, and in a browser through a front end of that age."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.colab.machine import ROOT, Colab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.browser.lab import Lab

ECHO = """
import anywidget, traitlets

class Echo(anywidget.AnyWidget):
    said = traitlets.Unicode("").tag(sync=True)
    _esm = '''
    export default { render({ model, el }) {
        const button = document.createElement("button");
        button.className = "echo";
        button.textContent = "Send";
        const reply = document.createElement("output");
        reply.className = "reply";
        model.on("msg:custom", (content, buffers) => {
            const bytes = buffers.map(b => [...new Uint8Array(b.buffer, b.byteOffset, b.byteLength)].join(" "));
            reply.textContent = `${content.kind}: ${bytes.join(" | ")}; ${model.get("said")}`;
        });
        button.addEventListener("click", () => {
            const bytes = new Uint8Array([0, 1, 250]);
            model.send({ kind: "ask" }, undefined, [bytes.buffer, new Uint8Array([7]).buffer]);
        });
        el.append(button, reply);
    } };
    '''

    def __init__(self):
        super().__init__()
        self.on_msg(self.answer)

    def answer(self, widget, content, buffers):
        self.said = f"{content['kind']} {[len(b) for b in buffers]}"
        self.send({"kind": "answer"}, buffers=[bytes(reversed(bytes(b))) for b in buffers])

Echo()
"""


ENABLED = "from google.colab import output\nprint(output.custom_widget_manager_enabled())"


@pytest.fixture(scope="session", autouse=True)
def _front_end(colab_with_motionkit: Colab, request: pytest.FixtureRequest) -> None:
    """Start JupyterLab with Colab's kernels and the front ends of ipywidgets and anywidget that belong to them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in colab_with_motionkit.environment.items():
            patch.setenv(name, value)
        request.getfixturevalue("lab")


def test_the_panels_tests_pass(colab_with_motionkit: Colab) -> None:
    # A copy of the tests alone: beside the clone's motionkit they would import that one, not the installed one.
    shutil.copytree(ROOT / "tests", colab_with_motionkit.content / "tests")
    shutil.copy(ROOT / "pyproject.toml", colab_with_motionkit.content)
    script = "import sys, pytest; sys.exit(pytest.console_main())"
    done = colab_with_motionkit.run(
        "-I", "-c", script, "-p", "no:cacheprovider", "tests/widgets/test_panel.py", check=False
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout


def test_the_panels_tests_in_a_browser_pass(colab_with_motionkit: Colab, chromium: Browser) -> None:
    environment = os.environ | colab_with_motionkit.environment  # by which its JupyterLab finds Colab's kernels
    tests = ["tests/browser/test_panel.py", "tests/browser/test_panel_inputs.py"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, done.stderr[-2000:]
    assert " passed" in done.stdout


def test_messages_with_bytes_go_both_ways(lab: Lab, chromium: Browser) -> None:
    names = "ipywidgets, anywidget, IPython, ipykernel"
    lab.write("echo.ipynb", f"import {names}\nprint(*(package.__version__ for package in ({names})))", ECHO, ENABLED)
    page = chromium.new_page()
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    notebook = lab.open(page, "echo.ipynb")
    notebook.run_all()
    assert "7.7.1 0.9.21 7.34.0 6.17.1" in page.locator(".jp-OutputArea-output").first.inner_text()
    assert page.locator(".jp-OutputArea-output").last.inner_text().strip() == "True", "anywidget knows Colab"
    page.locator("button.echo").click()
    page.get_by_text("answer: 250 1 0 | 7; ask [3, 1]").wait_for(timeout=20_000)
    notebook.screenshot("colab-echo")
    assert not errors, "the widget manager speaks to other versions"
    page.close()
