"""The inference form of a model: the same pictures, with nothing computed twice."""

from motionkit.fast.model import EncodedSource, FastModel

__all__ = ["EncodedSource", "FastModel"]
