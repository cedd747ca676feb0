"""Deploy the protocol, go on where it stopped, and prove what stands there.

`plan` says what is to be done, purely; `journal` remembers what was begun; `executor` does it, one
transaction after the other; `checks` reads everything again from the chain.
"""
