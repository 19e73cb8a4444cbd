"""Links a widget's ES modules into one module text, so that no build step is needed.

anywidget takes one text, and a notebook's page cannot fetch further files. So each module becomes a function that runs
once, after the modules that it imports, and returns its exports; what it imports, it takes from these by name. Scopes
stay apart, as between files. These statements are understood, each at the start of its line:

- ``import { a, b as c } from "./other.js";`` above all else;
- ``export`` before ``function``, ``async function``, ``class`` or ``const name``;
- ``export default`` before an object or a name, in the first module alone.

The words import and export anywhere else are an error, except in a comment that begins its line, so that nothing is
linked by half.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from pathlib import Path

from motionkit.errors import MotionkitError

__all__ = ["LinkError", "link"]

NAME = r"[A-Za-z_$][\w$]*"
# Comments that begin a line; the checks do not look at them.
COMMENT = re.compile(r"^[ \t]*(?://[^\n]*|/\*.*?\*/)", re.MULTILINE | re.DOTALL)
IMPORT = re.compile(r'^import\s*\{([^{}]*)\}\s*from\s*"([^"\n]*)";', re.MULTILINE)
IMPORTED = re.compile(rf"({NAME})(?:\s+as\s+({NAME}))?")
EXPORT = re.compile(
    rf"^export (?:(default) (?=\{{|{NAME};)|(?=(?:(?:async )?function\*? ?|class |const )({NAME})))", re.MULTILINE
)
WORD = re.compile(r"(?<![\w$])(?:import|export)(?![\w$])")


class LinkError(MotionkitError):
    """A JavaScript module that the linker does not understand."""


@dataclass(frozen=True)
class Import:
    """One import statement.

    Attributes:
        start: Where it begins in the module's text.
        end: Where it ends.
        path: The module that it names, from the folder of all modules.
        names: Pairs of an export there and the name that it has here.
    """

    start: int
    end: int
    path: str
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Module:
    """A module as it was read.

    Attributes:
        text: All of it, with comments.
        imports: Its import statements, from the top.
        exports: Names that it exports; ``default`` is one.
        marks: Start, end and replacement of each ``export``.
    """

    text: str
    imports: tuple[Import, ...]
    exports: tuple[str, ...]
    marks: tuple[tuple[int, int, str], ...]


def link(entry: str, folder: Path) -> str:
    """One module text that does what a module and all that it imports do.

    Args:
        entry: The module with the default export, such as ``panel/panel.js``.
        folder: Holds all modules; ``entry`` is a path in it.

    Returns:
        The text; its only export is the default one.

    Raises:
        LinkError: A module is missing, imports itself by way of others, or holds what the linker does not understand.
    """
    modules: dict[str, Module] = {}
    _read(entry, folder, modules, ())
    if "default" not in modules[entry].exports:
        raise LinkError(f"{entry} has no default export", expected="export default { … };")
    variables = {path: f"${i}_{re.sub(r'[^A-Za-z0-9]', '_', Path(path).stem)}" for i, path in enumerate(modules)}
    parts = [_wrapped(path, module, variables) for path, module in modules.items()]
    return "\n".join([*parts, f"export default {variables[entry]}.default;\n"])


def _read(path: str, folder: Path, modules: dict[str, Module], above: tuple[str, ...]) -> None:
    """Read a module after all that it imports, each once."""
    if path in above:
        raise LinkError("Modules import each other in a circle", got=" → ".join([*above, path]))
    if path in modules:
        return
    try:
        text = (folder / path).read_text(encoding="utf-8")
    except FileNotFoundError:
        by = f", which {above[-1]} imports" if above else ""
        raise LinkError(f"There is no module {path}{by}") from None
    module = _parsed(path, text)
    if above and "default" in module.exports:
        raise LinkError(
            f"{path}, which {above[-1]} imports, has a default export", expected="it in the first module alone"
        )
    for found in module.imports:
        _read(found.path, folder, modules, (*above, path))
        exports = modules[found.path].exports
        for name, _ in found.names:
            if name not in exports:
                raise LinkError(
                    f"{path} imports {name} from {found.path}", expected=f"one of its exports: {', '.join(exports)}"
                )
    modules[path] = module


def _parsed(path: str, text: str) -> Module:
    """Find a module's imports and exports, and refuse what is neither but looks like it."""
    code = COMMENT.sub(_blank, text)
    for number, line in enumerate(code.split("\n"), 1):
        if line.count("`") % 2 or line.endswith("\\"):
            raise LinkError(f"{path}, line {number}: a string goes over the line's end", got=line.strip())
    imports = tuple(_import(path, found) for found in IMPORT.finditer(code))
    exports = list(EXPORT.finditer(code))
    rest = EXPORT.sub(_blank, IMPORT.sub(_blank, code))
    if word := WORD.search(rest):
        number = code.count("\n", 0, word.start()) + 1
        raise LinkError(
            f"{path}, line {number}: the word {word[0]} stands where the linker does not understand it",
            got=code.split("\n")[number - 1].strip(),
            expected='import { name } from "./file.js"; or export before a function, class or const',
        )
    if imports and rest[: imports[-1].end].strip():
        raise LinkError(f"{path}: an import stands below other code", expected="all imports at the top")
    names = [found[1] or found[2] for found in exports]
    if twice := {name for name in names if names.count(name) > 1}:
        raise LinkError(f"{path} exports {', '.join(sorted(twice))} twice")
    marks = tuple((found.start(), found.end(), "const $default = " if found[1] else "") for found in exports)
    return Module(text, imports, tuple(names), marks)


def _blank(found: re.Match[str]) -> str:
    """As long as what was found, with its lines, and empty."""
    return re.sub(r"[^\n]", " ", found[0])


def _import(path: str, found: re.Match[str]) -> Import:
    listed = found[1].strip().removesuffix(",").split(",")
    names = [IMPORTED.fullmatch(part.strip()) for part in listed]
    if not all(names):
        raise LinkError(f"{path} imports what is not a list of names", got=" ".join(found[0].split()))
    if not re.fullmatch(r"\.\.?/.*\.js", found[2]):
        raise LinkError(f"{path} imports what is not a file beside it", got=found[2], expected="such as ./other.js")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), found[2]))
    if target.startswith("../"):
        raise LinkError(f"{path} imports from outside the folder of modules", got=found[2])
    pairs = tuple((name[1], name[2] or name[1]) for name in names if name)
    return Import(found.start(), found.end(), target, pairs)


def _wrapped(path: str, module: Module, variables: dict[str, str]) -> str:
    """A module as a function that is called once; its lines stay lines."""
    changes = list(module.marks)
    for found in module.imports:
        names = ", ".join(name if name == here else f"{name}: {here}" for name, here in found.names)
        changes.append((found.start, found.end, f"const {{ {names} }} = {variables[found.path]};"))
    text = module.text
    for start, end, replacement in sorted(changes, reverse=True):
        text = text[:start] + replacement + text[end:]
    exports = ", ".join("default: $default" if name == "default" else name for name in module.exports)
    return f"// {path}\nconst {variables[path]} = (() => {{\n{text.rstrip()}\nreturn {{ {exports} }};\n}})();"
