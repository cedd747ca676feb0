"""Measure what the project promises to be: cheap on chain, fast off it."""
