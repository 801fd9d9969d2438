"""The measured promises: each bench prints a table, and writes it in one shape for all."""
