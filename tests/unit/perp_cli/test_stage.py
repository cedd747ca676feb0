"""The stage's clock, without which prices are too old on a busy machine."""

AGES = 5_000


def test_reset_clock__long_after_the_latest_block__goes_on_from_there(stage):
    node = stage.anvil.node

    def waited():
        """Return how many seconds after the latest block the next one would be."""
        latest, pending = (
            int(node.request("eth_getBlockByNumber", [name, False])["timestamp"], 16)
            for name in ("latest", "pending")
        )
        return pending - latest

    node.request("evm_increaseTime", [AGES])
    assert waited() >= AGES

    stage.reset_clock()

    assert waited() < AGES // 2
