"""The site builds without a warning, and shows every public name and every option of every command."""

from __future__ import annotations

import argparse
import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from mkdocs.exceptions import PluginError

import motionkit
from motionkit import training

ROOT = Path(__file__).resolve().parent.parent
SITE = ROOT / "docs" / "site"
sys.path.insert(0, str(SITE))
import hooks  # noqa: E402


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(SITE / "mkdocs.yml"), "-d", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    return folder


def shown(page: Path) -> str:
    return html.unescape((page / "index.html").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.parametrize("package", [motionkit, training], ids=lambda package: package.__name__)
def test_every_public_name_is_on_the_site(site: Path, package: object) -> None:
    assert hasattr(package, "__all__") and hasattr(package, "__name__")
    page = shown(site / "python" / package.__name__.rpartition(".")[2])
    for name in set(package.__all__) - {"__version__"}:
        assert f'id="{package.__name__}.{name}"' in page, name


@pytest.mark.slow
def test_every_argument_of_every_command_is_on_the_site(site: Path) -> None:
    page = shown(site / "commands")
    commands = hooks.subcommands(hooks.motionkit_parser())
    assert {"animate", "train", "bench"} <= set(commands)
    for name, command in commands.items():
        section = re.sub("<[^>]+>", "", page.split(f'<h2 id="motionkit-{name}">')[1].split("<h2")[0])
        for action in command._actions:
            if not isinstance(action, argparse._HelpAction):
                assert all(text in section for text in action.option_strings), (name, action.dest)
                assert (action.help or "").partition(" (default")[0].replace("`", "") in section, (name, action.dest)


@pytest.mark.slow
def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(https?:[^"]+)"', page.read_text(encoding="utf-8"))
        assert not loaded, page


def test_links_that_leave_the_pages_lead_to_pages() -> None:
    text = (
        "[a](../../weights/README.md#where-it-fails) [b](../live.md) [c](https://example.org/x.md) ![d](../collage.jpg)"
    )
    moved = hooks.with_site_links(text, ROOT / "docs" / "cookbook" / "x.md", "cookbook/x.md")
    assert moved == text.replace("../../weights/README.md", "../card.md")
    moved = hooks.with_site_links("[a](docs/speed.md) ![b](docs/collage.jpg)", ROOT / "README.md", "index.md")
    assert moved == "[a](speed.md) ![b](collage.jpg)"


def test_a_link_to_a_file_that_the_site_lacks_is_an_error() -> None:
    with pytest.raises(PluginError, match=r"README\.md links to setup\.py"):
        hooks.with_site_links("[s](setup.py)", ROOT / "README.md", "index.md")


def test_a_command_is_written_from_its_parser() -> None:
    parser = argparse.ArgumentParser(prog="tool")
    commands = parser.add_subparsers()
    draw = commands.add_parser("draw", description="Draw it.")
    draw.add_argument("picture", help="what to draw on")
    group = draw.add_argument_group("how")
    group.add_argument("-w", "--width", type=int, default=3, help="of a line | in pixels")
    group.add_argument("--tip", choices=("round", "flat"), default="flat")
    group.add_argument("-o", "--output", required=True, metavar="FILE", help="where it goes")
    lines = hooks.commands(parser).splitlines()
    assert lines[:3] == ["## motionkit draw", "", "Draw it."]
    assert any(line.endswith("draw [options] picture") for line in lines)
    assert [line for line in lines if line.startswith(("| `", "**"))] == [
        "**Arguments**",
        "| `picture` | what to draw on |",
        "**How**",
        "| `-w`, `--width WIDTH` | `3` | of a line \\| in pixels |",
        "| `--tip …` | `flat` | One of `round`, `flat`. |",
        "| `-o`, `--output FILE` | required | where it goes |",
    ]
