"""Wire core, store, signer, peers, watcher, outbox and operator API into one process.

From the inside out: `lane` runs one channel, `lanes` all of them, `desk` answers operators, `build`
makes the parts of a `config`, `app` runs them, `commands` is the command line.
"""

__all__: list[str] = []
