"""Commit updates over several channels until killed; say each version once it is acknowledged.

Run as `python -m tests.unit.clearport_store.committer <url> <channels>`.
"""

import asyncio
import sys

from clearing.clearport.ports import Record
from clearing.clearport.store import SqlStore
from tests.unit.clearport_store import scene


async def main(url: str, channels: int) -> None:
    store = await SqlStore.open(url)

    async def lane(number: int) -> None:
        updates = scene.Updates(scene.opened(number))
        await store.commit(Record(line=updates.line))
        while True:
            permit = await store.commit(updates.propose())
            version = permit.reservation.version
            sys.stdout.write(f"reserved {number} {version}\n")
            await store.commit(updates.agree(permit))
            sys.stdout.write(f"agreed {number} {version}\n")
            sys.stdout.flush()

    await asyncio.gather(*(lane(number) for number in range(1, channels + 1)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
