"""Found by a test whose process was aborted: resets in TLS handshakes ended the daemon.

The server gave gRPC its certificates anew at each handshake, and two handshakes at once freed what
both used. 200 resets were enough at times, a few thousand always.
"""

import subprocess
import sys
from pathlib import Path

RESETS = """
import asyncio, socket, threading
from tests.unit.clearport_peers.rig import pair_of_brokers

def knock(port):
    for _ in range(1_500):
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.send(b"\\x16\\x03\\x01\\x02\\x00\\x01")

async def main():
    low, high = pair_of_brokers()
    async with high.running(low):
        await asyncio.gather(*(asyncio.to_thread(knock, high.port) for _ in range(4)))
    print("stands")

asyncio.run(main())
"""


def test_peer_server__thousands_of_resets_in_the_handshake__stands() -> None:
    """In a process of its own: the fault ended the process."""
    done = subprocess.run(
        [sys.executable, "-c", RESETS],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "stands\n"), done.stderr[-2_000:]
