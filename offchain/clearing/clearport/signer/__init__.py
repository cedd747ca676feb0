"""The broker's two keys, wherever they are kept.

`port` is what a backend offers: `keystore` (in this process), `pkcs11` (a token), `kms` (AWS).
Nobody signs with a backend directly: `guarded` signs channel states and nothing else, `account`
signs transactions and nothing else. `settings` says which backend, `build` opens it.
"""

__all__: list[str] = []
