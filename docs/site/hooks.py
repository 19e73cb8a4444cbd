"""What the site makes itself: the commands, from their parsers, and pages from files outside docs/."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from motionkit.cli.main import make_parser as motionkit_parser

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Files outside docs/ that are pages of the site: their place there.
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "weights/README.md": "card.md",
    "weights/recipe/README.md": "recipe.md",
    "weights/recipe/LOG.md": "recipe-log.md",
}
COMMANDS = "<!-- the commands -->"  # where commands.md gets them
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(?=(?:#[^)\s]*)?\))")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages from outside docs/."""
    for source, page in OUTSIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=with_site_links(text, ROOT / source, page)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in the commands, and point links that leave docs/ to where the site shows their targets."""
    if page.file.src_uri in OUTSIDE.values():
        return markdown
    markdown = with_site_links(markdown, DOCS / page.file.src_uri, page.file.src_uri)
    return markdown.replace(COMMANDS, commands(motionkit_parser()))


def with_site_links(text: str, source: Path, page: str) -> str:
    """The Markdown of the file `source` with its links made right for `page` of the site.

    Raises:
        PluginError: A link leads to a file that is not part of the site.
    """

    def moved(match: re.Match[str]) -> str:
        target = match[0]
        if re.match(r"[a-z]+:", target):
            return target
        path = Path(os.path.normpath(source.parent / target))
        if path.is_relative_to(DOCS):
            there = path.relative_to(DOCS).as_posix()
        else:
            there = OUTSIDE.get(path.relative_to(ROOT).as_posix(), "")
        if not there:
            raise PluginError(f"{source.relative_to(ROOT)} links to {target}, which the site does not show")
        return os.path.relpath(there, PurePosixPath(page).parent)

    return LINK.sub(moved, text)


def commands(parser: argparse.ArgumentParser) -> str:
    """Every command of the command line as Markdown: what it does, how it is called, each argument with its default."""
    return "\n".join(section for name, command in subcommands(parser).items() for section in _command(name, command))


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Name to parser, in the order in which ``--help`` lists them."""
    (choices,) = (action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(choices)


def _command(name: str, command: argparse.ArgumentParser) -> list[str]:
    given = [" ".join(_names(action)) for action in command._actions if not action.option_strings]
    lines = [f"## motionkit {name}", "", command.description or "", ""]
    lines += ["```text", " ".join([command.prog, "[options]", *given]), "```", ""]
    for group in command._action_groups:
        actions = [action for action in group._group_actions if not isinstance(action, argparse._HelpAction)]
        if actions:
            title = {"options": "Options", "positional arguments": "Arguments"}.get(
                group.title or "", group.title or ""
            )
            lines += [f"**{title[0].upper() + title[1:]}**", "", *_table(actions), ""]
    return lines


def _table(actions: list[argparse.Action]) -> list[str]:
    rows = [
        (", ".join(f"`{_cell(name)}`" for name in _names(action)), _default(action), _help(action))
        for action in actions
    ]
    if any(default for _, default, _ in rows):
        return ["| name | default | what it does |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    return ["| name | what it does |", "|---|---|", *(f"| {name} | {text} |" for name, _, text in rows)]


def _names(action: argparse.Action) -> list[str]:
    metavar = action.metavar if isinstance(action.metavar, str) else None
    if not action.option_strings:
        return [metavar or action.dest]
    value = "" if action.nargs == 0 else " " + (metavar or ("…" if action.choices else action.dest.upper()))
    return [*action.option_strings[:-1], action.option_strings[-1] + value]


def _default(action: argparse.Action) -> str:
    """The default, where there is one that the help does not give itself."""
    if action.required and action.option_strings:
        return "required"
    none = action.default is None or isinstance(action.default, bool) or action.default == []
    return "" if none or "(default" in (action.help or "") else f"`{_cell(str(action.default))}`"


def _help(action: argparse.Action) -> str:
    words = [(action.help or "") % {"default": action.default}]
    if action.choices is not None:
        words.append("One of " + ", ".join(f"`{choice}`" for choice in action.choices) + ".")
    return _cell(" ".join(word for word in words if word))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
