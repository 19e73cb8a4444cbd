"""What pyproject.toml cannot say: the folder ``weights/`` is installed as the package ``motionkit.embedded``."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["motionkit", "motionkit.*"]), "motionkit.embedded"],
    package_dir={"motionkit.embedded": "weights"},
)
