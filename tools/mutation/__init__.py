"""Mutants of the contracts: one small wrong edit each, which some test must notice."""
