"""CLP-15: whatever was acknowledged before kill -9 is there after it, and nothing is half done."""

import subprocess
import sys

import pytest

from clearing.clearport.errors import SecondDigestError
from clearing.clearport.ports import Record
from tests.unit.clearport_store import scene
from tests.unit.clearport_store.postgresql import until_left

CHANNELS = 4


def said_before_kill(url: str, lines: int) -> dict[str, dict[int, int]]:
    """Run a committer, kill it after so many words, return the last version of each word."""
    command = [sys.executable, "-m", "tests.unit.clearport_store.committer", url, str(CHANNELS)]
    last: dict[str, dict[int, int]] = {"reserved": {}, "agreed": {}}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for _ in range(lines):
            word, number, version = child.stdout.readline().split()
            last[word][int(number)] = int(version)
        child.kill()
        # What it said between the last word that was read and its death counts too.
        for line in child.stdout.read().splitlines(keepends=True):
            if line.endswith("\n"):
                word, number, version = line.split()
                last[word][int(number)] = int(version)
    until_left(url)
    return last


@pytest.mark.parametrize("lines", [1, 7, 40, 203])
def test_kill_9__in_the_middle_of_commits__loses_nothing_acknowledged(using, url, lines) -> None:
    last = said_before_kill(url, lines)

    async def check(store):
        kept = {line.channel_id: line for line in await store.lines()}
        for number, version in last["agreed"].items():
            line = kept[scene.channel_id(number)]
            agreed = await store.agreed(line.channel_id)
            assert agreed[-1].state.version >= version
            assert agreed[-1] == line.full
            assert [each.state.version for each in agreed] == list(range(2, len(agreed) + 2))
            assert len(await store.trades(line.channel_id)) == len(agreed)
        for number, version in last["reserved"].items():
            line = kept[scene.channel_id(number)]
            with pytest.raises(SecondDigestError):
                await store.commit(Record(reserve=scene.reservation(line, version, b"\xbb" * 32)))
            # A line never runs ahead of its history, nor the history of its line.
            at = line.half.version if line.half else line.full.state.version
            assert await store.commit(Record(reserve=scene.reservation(line, at)))
            ahead = scene.reservation(line, at + 1, b"\xbb" * 32)
            assert (await store.commit(Record(reserve=ahead))).reservation == ahead

    using(url, check)
    assert last["reserved"]
