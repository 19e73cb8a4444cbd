"""The embedded weights, installed as ``motionkit.embedded``; README.md is their model card."""
