import asyncio

from clearing.clearport.core.messages import Consent

from tests.unit.clearport_peers.rig import CHANNEL, pair_of_brokers, until


def test_hub__two_brokers__talk_both_ways_in_order():
    async def scene():
        low, high = pair_of_brokers()
        async with low.running(high), high.running(low):
            await until(lambda: low.link_to(high) and high.link_to(low))
            for number in range(600):
                word = Consent(number.to_bytes(32, "big"))
                await low.link_to(high).say(CHANNEL, word)
                await high.link_to(low).say(CHANNEL, word)
            await until(lambda: len(low.heard) == len(high.heard) == 600)

        said = [(CHANNEL, Consent(number.to_bytes(32, "big"))) for number in range(600)]
        assert low.heard == high.heard == said
        assert low.links[0].broker == high.address

    asyncio.run(scene())
