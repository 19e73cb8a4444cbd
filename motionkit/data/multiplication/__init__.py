"""Multiplying a data set: a few sources, many motions, and what is known of every frame that comes of them."""
