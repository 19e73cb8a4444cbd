"""Faults of every kind that people give, made by code, and the exact class of what must come of each."""
