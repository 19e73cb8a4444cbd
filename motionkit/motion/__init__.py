"""How the driving's keypoints move the source's: pure functions of keypoints, and the files that keep them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
