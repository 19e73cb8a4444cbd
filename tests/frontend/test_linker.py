"""The widgets' JavaScript: how its modules are linked into one text, and what the browser gets."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from motionkit import frontend
from motionkit.frontend.linker import LinkError, link

FOLDER = Path(frontend.__file__).parent
ENTRIES = ("panel/panel.js", "webcam/webcam.js")
MODULES = sorted(FOLDER.rglob("*.js"))
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="Node is not installed")


def linked(folder: Path, **modules: str) -> str:
    """The text of ``main`` and what it imports; ``a__b`` is the file ``a/b.js``."""
    for name, text in modules.items():
        path = folder / f"{name.replace('__', '/')}.js"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return link("main.js", folder)


def evaluated(text: str, tmp_path: Path) -> object:
    """The default export of a module text, in Node."""
    (tmp_path / "linked.mjs").write_text(text, encoding="utf-8")
    code = 'import("./linked.mjs").then((module) => console.log(JSON.stringify(module.default)))'
    done = subprocess.run([str(NODE), "-e", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_modules_become_functions_in_the_order_of_their_imports(tmp_path: Path) -> None:
    text = linked(
        tmp_path,
        main='// The entry.\nimport { a, b as c } from "./one.js";\n\nexport default { a, c };\n',
        one="const hidden = 1;\nexport const a = hidden;\nexport function b() {}\n",
    )
    assert text == (
        "// one.js\n"
        "const $0_one = (() => {\n"
        "const hidden = 1;\n"
        "const a = hidden;\n"
        "function b() {}\n"
        "return { a, b };\n"
        "})();\n"
        "// main.js\n"
        "const $1_main = (() => {\n"
        "// The entry.\n"
        "const { a, b: c } = $0_one;\n"
        "\n"
        "const $default = { a, c };\n"
        "return { default: $default };\n"
        "})();\n"
        "export default $1_main.default;\n"
    )


@needs_node
def test_scopes_stay_apart_and_each_module_runs_once(tmp_path: Path) -> None:
    text = linked(
        tmp_path,
        main="""import { next } from "./sub/counter.js";
import {
  first,
  typeOfHidden,
} from "./sub/user.js";
import { Shape, later, list } from "./sub/kinds.js";

const step = "main's";

const { area } = new Shape(3);
export default { first, second: next(), typeOfHidden, step, area, list: [...list()], later: typeof later };
""",
        sub__counter="let hidden = 0;\nconst step = 1;\nexport const next = () => (hidden += step);\n",
        sub__user="""import { next as advance } from "../sub/counter.js";
export const first = advance();
export const typeOfHidden = [typeof hidden, typeof step, typeof next];
""",
        sub__kinds="""/* export const no = 1;
import { no } from "./nowhere.js"; */
export class Shape {
  constructor(side) {
    this.area = side ** 2;
  }
}
// an export that is none
export async function later() {}
export function* list() {
  yield `exported ${1}`.length;
}
""",
    )
    assert evaluated(text, tmp_path) == {
        "first": 1,
        "second": 2,
        "typeOfHidden": ["undefined", "undefined", "undefined"],
        "step": "main's",
        "area": 9,
        "list": [10],
        "later": "function",
    }


@pytest.mark.parametrize(
    ("main", "one", "words"),
    [
        ('import { b } from "./one.js";', "export const a = 1;", r"main\.js imports b from one\.js.*its exports: a"),
        ('import { a } from "./two.js";', "", r"no module two\.js, which main\.js imports"),
        ('import one from "./one.js";', "export const a = 1;", r"line 1: the word import.*import one from"),
        ('import * as one from "./one.js";', "export const a = 1;", r"the word import stands where"),
        ('import "./one.js";', "", r"the word import stands where"),
        ("import { a } from './one.js';", "export const a = 1;", r"the word import stands where"),
        ('import { a } from "one.js";', "export const a = 1;", r"not a file beside it; got one\.js"),
        ('import { a } from "./one";', "export const a = 1;", r"not a file beside it; got \./one"),
        ('import { a } from "../../one.js";', "export const a = 1;", r"outside the folder"),
        ('import { a, a-b } from "./one.js";', "export const a = 1;", r"not a list of names"),
        ('import {} from "./one.js";', "", r"not a list of names"),
        ('const x = 1;\nimport { a } from "./one.js";', "export const a = 1;", r"import stands below other code"),
        ('import { a } from "./one.js";', "export let a = 1;", r"one\.js, line 1: the word export.*export let a"),
        ('import { a } from "./one.js";', "const a = 1;\nexport { a };", r"one\.js, line 2: the word export"),
        ('import { a } from "./one.js";', 'export { a } from "./two.js";', r"the word export stands where"),
        ('import { a } from "./one.js";', "export const { a } = {};", r"the word export stands where"),
        ('import { a } from "./one.js";', "  export const a = 1;", r"the word export stands where"),
        ('import { a } from "./one.js";', "export const a = 1;\nexport function a() {}", r"one\.js exports a twice"),
        (
            'import { a } from "./one.js";',
            "export const a = 1;\nexport default { a };",
            r"one\.js, which main\.js imports, has a default",
        ),
        (
            'import { default as a } from "./one.js";',
            "export default {};",
            r"one\.js, which main\.js imports, has a default",
        ),
        ('const a = await import("./one.js");', "", r"line 1: the word import stands where"),
        ("const a = import.meta.url;", "", r"the word import stands where"),
        ("const a = `one\nexport const b = 1;`;", "", r"line 1: a string goes over the line's end"),
        ('const a = "one \\\nexport";', "", r"line 1: a string goes over the line's end"),
        (
            'import { a } from "./one.js";',
            'import { b } from "./main.js";',
            r"circle; got main\.js → one\.js → main\.js",
        ),
    ],
)
def test_what_the_linker_does_not_understand_is_an_error(tmp_path: Path, main: str, one: str, words: str) -> None:
    with pytest.raises(LinkError, match=f"(?s){words}"):
        linked(tmp_path, main=f"{main}\nexport default {{}};\n", one=one)


@pytest.mark.parametrize("end", ["", "export default function () {}", "export default () => {};", "export default 1;"])
def test_the_first_module_needs_a_default_export_that_is_understood(tmp_path: Path, end: str) -> None:
    with pytest.raises(LinkError, match=r"no default export|the word export stands where"):
        linked(tmp_path, main=f"const a = 1;\n{end}\n")


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_widget_is_one_module_with_one_export(entry: str) -> None:
    text = frontend.script(entry.removesuffix(".js"))
    code = re.sub(r"^\s*(//|/?\*).*$", "", text, flags=re.MULTILINE)
    assert re.findall(r"\bimport\b|\bexport\b", code) == ["export"]
    assert text.rstrip().splitlines()[-1].startswith("export default $")
    if NODE is not None:
        subprocess.run([NODE, "--check", "--input-type=module", "-"], input=text, text=True, check=True)


def test_every_module_is_used_and_small() -> None:
    used = {name for entry in ENTRIES for name in re.findall(r"^// (\S+\.js)$", link(entry, FOLDER), re.MULTILINE)}
    assert used == {path.relative_to(FOLDER).as_posix() for path in MODULES}
    for path in (*MODULES, *FOLDER.rglob("*.css")):
        assert path.read_text(encoding="utf-8").count("\n") <= 350, path.name


def test_style_sheets_are_joined_in_order() -> None:
    text = frontend.style("shared/base", "panel/panel")
    assert 0 <= text.index(".mk-widget {") < text.index(".mk-panel {")
    assert text == "\n".join((FOLDER / f"{name}.css").read_text("utf-8") for name in ("shared/base", "panel/panel"))
