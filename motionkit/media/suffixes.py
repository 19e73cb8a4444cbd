"""The suffixes of clips and pictures: what is written by them, and what is looked for in folders.

A file that is named itself is read whatever its name: its content says what it is.
"""

from __future__ import annotations

__all__ = ["IMAGE_SUFFIXES", "READ_IMAGE_SUFFIXES", "READ_VIDEO_SUFFIXES", "VIDEO_SUFFIXES"]

VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".gif")
"""Of clips that can be written."""
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
"""Of pictures that can be written."""
READ_VIDEO_SUFFIXES = (*VIDEO_SUFFIXES, ".m4v", ".avi")
"""Of the files in a folder that count as clips."""
READ_IMAGE_SUFFIXES = (*IMAGE_SUFFIXES, ".bmp", ".tif", ".tiff", ".heic")
"""Of the files in a folder that count as pictures."""
