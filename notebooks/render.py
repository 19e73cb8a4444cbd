"""Run notebooks on the samples and write them with their pictures as Markdown, into ``docs/notebooks``.

python notebooks/render.py [NAME …]    ``make notebooks`` renders all
"""

from __future__ import annotations

import argparse
import base64
import io
import re
import tempfile
import time
from pathlib import Path

import nbformat
import run as runner
from nbconvert import MarkdownExporter
from nbformat import NotebookNode
from PIL import Image

from motionkit import media
from motionkit.drawing.collage import contact_sheet

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs" / "notebooks"
WIDTH, QUALITY = 1000, 85  # of a picture, in pixels; of JPEG
WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURES = ("image/png", "image/jpeg")


def render(name: str, docs: Path = DOCS) -> Path:
    """Run a notebook where nothing is left of an earlier run, and write what it shows.

    Args:
        name: Of the notebook, without suffix.
        docs: Where ``NAME.md`` and its pictures ``NAME-1.jpg`` … go. A picture of a widget, which Markdown cannot hold,
            is taken from here: ``panel.png`` for the cell tagged ``panel``; without the file there is none.

    Returns:
        The page.
    """
    docs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        node = runner.run(HERE / f"{name}.ipynb", {}, folder=Path(folder))
    for old in docs.glob(f"{name}-*.jpg"):
        old.unlink()
    page, _ = MarkdownExporter().from_notebook_node(with_pictures(node, name, docs))
    path = docs / f"{name}.md"
    path.write_text(re.sub(r"\n{3,}", "\n\n", page).strip() + "\n", encoding="utf-8")
    return path


def with_pictures(node: NotebookNode, name: str, docs: Path) -> NotebookNode:
    """Replace an executed notebook's outputs by text and links to small pictures, which are written.

    Args:
        node: The notebook, which stays as it is.
        name: Its file's, without suffix.
        docs: Where the pictures go.
    """
    node, number = node.copy(), 0
    for cell in node.cells:
        shown = []
        for output in cell.get("outputs", []):
            link = None
            if WIDGET in output.get("data", {}):
                link = _widget_picture(cell, docs)
            elif (picture := _picture(output)) is not None:
                number += 1
                link = f"{name}-{number}.jpg"
                picture.thumbnail((WIDTH, 10 * WIDTH), Image.Resampling.LANCZOS)
                picture.convert("RGB").save(docs / link, quality=QUALITY, optimize=True)
            elif output.output_type == "stream" and output.name == "stdout":
                shown.append(output)
            if link is not None:
                markdown = {"text/markdown": f"![{Path(link).stem}]({link})"}
                shown.append(nbformat.v4.new_output("display_data", markdown))
        if cell.cell_type == "code":
            cell.outputs = shown
    return node


def _widget_picture(cell: NotebookNode, docs: Path) -> str | None:
    names = (f"{tag}.png" for tag in cell.metadata.get("tags", []))
    return next((name for name in names if (docs / name).is_file()), None)


def _picture(output: NotebookNode) -> Image.Image | None:
    """What an output shows, if it is a picture, or six moments of it if it is a video."""
    data = output.get("data", {})
    for kind in PICTURES:
        if kind in data:
            return Image.open(io.BytesIO(base64.b64decode(data[kind])))
    picture = re.search(r'src="data:image/\w+;base64,([^"]+)"', data.get("text/html", ""))
    if picture is not None:
        return Image.open(io.BytesIO(base64.b64decode(picture[1])))
    video = re.search(r'src="data:video/[\w-]+;base64,([^"]+)"', data.get("text/html", ""))
    if video is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        path.write_bytes(base64.b64decode(video[1]))
        clip = media.open_clip(path)
        return Image.fromarray(contact_sheet(list(clip), moments=6, fps=clip.info.fps))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of a notebook, without suffix; none is all")
    for name in parser.parse_args().names or sorted(path.stem for path in HERE.glob("*.ipynb")):
        started = time.monotonic()
        path = render(name)
        print(f"{path.relative_to(HERE.parent)}: {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
