"""How well a model does: figures of clips and pairs, what they come to, and how they are shown."""
