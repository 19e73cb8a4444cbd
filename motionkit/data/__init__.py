"""What models learn from: clips, pairs of their frames, the truth about them, their random changes."""
