"""The signing log keeps what was signed, across restarts, and says when it is damaged."""

from pathlib import Path

import pytest

from clearing.client.errors import LogError
from clearing.client.position import Position
from clearing.client.signing_log import SigningLog


def test_append__with_a_file__is_read_back_in_order(
    tmp_path: Path, opened: Position, owing: Position
) -> None:
    path = tmp_path / "log.jsonl"
    log = SigningLog(path)

    log.append(opened.live)
    log.append(owing.live)

    assert SigningLog(path).states == log.states == (opened.live, owing.live)


def test_of_epoch__other_lives_and_channels__are_left_out(opened: Position) -> None:
    log = SigningLog()
    log.append(opened.live)

    assert log.of_epoch(opened.channel_id, 3) == (opened.live,)
    assert log.of_epoch(opened.channel_id, 4) == ()
    assert log.of_epoch(b"\x08" * 32, 3) == ()


def test_append__file_cannot_be_written__keeps_nothing(tmp_path: Path, opened: Position) -> None:
    log = SigningLog(tmp_path / "missing" / "log.jsonl")

    with pytest.raises(LogError, match="cannot write"):
        log.append(opened.live)

    assert log.states == ()


@pytest.mark.parametrize("damage", ["{", '{"channelId": 1}', "[]"])
def test_open__damaged_line__names_it(tmp_path: Path, opened: Position, damage: str) -> None:
    path = tmp_path / "log.jsonl"
    SigningLog(path).append(opened.live)
    assert SigningLog(path).states

    with path.open("a") as file:
        file.write(damage + "\n")
    with pytest.raises(LogError, match="line 2 is damaged"):
        SigningLog(path)
