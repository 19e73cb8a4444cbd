"""Live animation of a source by frames as they come, without a widget."""
