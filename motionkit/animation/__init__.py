"""Frames in, frames out: keypoints, motion transfer, generator, in constant memory."""
