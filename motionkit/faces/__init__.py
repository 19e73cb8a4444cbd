"""Faces in pictures: where they are, the squares around them that models see, and the way back into the picture."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
