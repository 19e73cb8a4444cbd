"""Files in, files out: read, crop, animate, paste back, label, lay side by side, write."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
