"""What says that a file was made: badge, metadata, watermark and signature, and how they are read back."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
