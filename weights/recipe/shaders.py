"""The programs that run on the graphics side, put together from the files in ``shaders/``.

Surfaces are painted in template coordinates (``rest``, metres), so that paint sticks to every person's skin. What a
fragment belongs to is its ``kind``, by the names of ``paint.Kind``.
"""

from __future__ import annotations

from pathlib import Path

from paint import Kind

__all__ = ["DEPTH", "HAIR", "MEASURE", "PAINT"]

FOLDER = Path(__file__).parent / "shaders"
HEADER = "#version 330\n" + "".join(f"const int {kind.name} = {kind.value};\n" for kind in Kind)


def _source(*names: str) -> str:
    """Files one after another: a later one uses what an earlier one defines."""
    return HEADER + "".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


VERTEX = _source("surface.vert")
# Vertex and fragment shader of each program. What is hidden is never painted, since depth comes first.
DEPTH = (VERTEX, _source("noise.glsl", "cut.glsl", "depth.frag"))
PAINT = (VERTEX, _source("noise.glsl", "light.glsl", "skin.glsl", "paint.frag"))
HAIR = (VERTEX, _source("noise.glsl", "light.glsl", "hair.frag"))
MEASURE = (VERTEX, _source("noise.glsl", "cut.glsl", "measure.frag"))
