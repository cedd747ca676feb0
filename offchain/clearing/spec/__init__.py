"""The protocol in executable Python: integers only, no clock, no randomness, no I/O.

Every function of a contract has its twin here: `(world, env, arguments) -> (world, effects)`.
A call that the contract refuses raises `SpecError` with the contract's error name and values.
"""
