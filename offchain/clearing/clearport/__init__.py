"""The broker's clearing daemon: agrees on states with peers, keeps them, acts on the chain.

From the inside out: `core` decides (pure), `ports` name what it needs of the world, `codec` spells
its values, the folders around them are the world: `store`, `signer`, `peer`, `watch`, `operator`;
`daemon` wires them, and `watchtower` stands alone.
"""

__all__: list[str] = []
