"""Whoever proposes experiments: one door each."""
