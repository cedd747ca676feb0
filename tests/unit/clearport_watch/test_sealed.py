"""Sealed states: only the tower reads them, and only what both have signed is taken."""

from dataclasses import replace
from pathlib import Path

import pytest

from clearing.clearport.errors import ConfigError, WireError
from clearing.clearport.watchtower.kept import Kept, worth_keeping
from clearing.clearport.watchtower.sealed import (
    open_sealed,
    read_public_key,
    read_secret_key,
    seal,
    write_key_pair,
)
from clearing.client import moves
from clearing.demo.pair import Pair
from clearing.demo.stage import Stage
from tests.unit.clearport_watch.world import book, call_margin


@pytest.fixture
def keys(tmp_path: Path) -> tuple[bytes, bytes]:
    path = tmp_path / "tower.key"
    public = write_key_pair(path)
    return read_secret_key(path), read_public_key(public)


def test_open_sealed__what_was_sealed__comes_back(
    stage: Stage, pair: Pair, keys: tuple[bytes, bytes]
) -> None:
    states = tuple(
        Kept(pair.definition, full) for full in (book(stage, pair), call_margin(stage, pair))
    )

    sealed = seal(keys[1], states)

    assert open_sealed(keys[0], sealed) == states
    assert open_sealed(keys[0], seal(keys[1], ())) == ()
    assert states[0].channel_id not in sealed


def test_seal__same_states_again__look_like_others(
    stage: Stage, pair: Pair, keys: tuple[bytes, bytes]
) -> None:
    states = (Kept(pair.definition, pair.low.latest),)
    assert seal(keys[1], states) != seal(keys[1], states)


def test_open_sealed__any_byte_changed_or_cut__is_refused(
    stage: Stage, pair: Pair, keys: tuple[bytes, bytes]
) -> None:
    sealed = seal(keys[1], (Kept(pair.definition, pair.low.latest),))
    assert open_sealed(keys[0], sealed)

    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 0x01
        with pytest.raises(WireError):
            open_sealed(keys[0], bytes(changed))
        with pytest.raises(WireError):
            open_sealed(keys[0], sealed[:at])


def test_open_sealed__another_towers_key__is_refused(
    stage: Stage, pair: Pair, keys: tuple[bytes, bytes], tmp_path: Path
) -> None:
    write_key_pair(tmp_path / "other.key")
    sealed = seal(keys[1], (Kept(pair.definition, pair.low.latest),))

    with pytest.raises(WireError, match="another key"):
        open_sealed(read_secret_key(tmp_path / "other.key"), sealed)


def test_open_sealed__state_that_is_not_signed_by_both__is_refused(
    stage: Stage, pair: Pair, keys: tuple[bytes, bytes]
) -> None:
    full = pair.low.latest
    good = Kept(pair.definition, full)
    assert open_sealed(keys[0], seal(keys[1], (good,))) == (good,)
    low, high = full.signatures
    forged = (
        replace(full, signatures=(high, high)),
        replace(full, signatures=(low, low)),
        replace(full, state=replace(full.state, version=full.state.version + 1)),
    )

    for each in forged:
        with pytest.raises(WireError, match=r"signatures\."):
            open_sealed(keys[0], seal(keys[1], (Kept(pair.definition, each),)))
    other = replace(pair.definition, nonce=pair.definition.nonce + 1)
    with pytest.raises(WireError, match="definition"):
        open_sealed(keys[0], seal(keys[1], (Kept(other, full),)))


def test_write_key_pair__file_is_there__is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "tower.key"
    write_key_pair(path)
    before = path.read_bytes()

    with pytest.raises(ConfigError, match="cannot write"):
        write_key_pair(path)

    assert path.read_bytes() == before
    assert path.stat().st_mode & 0o777 == 0o600


def test_read_secret_key__others_may_read_it__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tower.key"
    write_key_pair(path)
    assert read_secret_key(path)
    path.chmod(0o640)

    with pytest.raises(ConfigError, match="chmod 600"):
        read_secret_key(path)


def test_worth_keeping__close_is_newest__keeps_what_answers_when_it_is_out_of_time(
    stage: Stage, pair: Pair
) -> None:
    opening = Kept(pair.definition, pair.low.latest)
    booked = Kept(pair.definition, book(stage, pair))
    called = Kept(pair.definition, call_margin(stage, pair))
    assert worth_keeping(()) == ()
    assert worth_keeping((opening,)) == (opening,)
    assert worth_keeping((booked, called, opening)) == (called,)


def test_worth_keeping__close_is_newest__comes_with_the_state_before(
    stage: Stage, pair: Pair
) -> None:
    opening = Kept(pair.definition, pair.low.latest)
    closing = Kept(pair.definition, pair.agree(moves.Close(pair.soon())))
    booked = Kept(
        pair.definition, replace(opening.full, state=replace(opening.full.state, intent=2))
    )

    assert worth_keeping((opening, closing)) == (closing,)
    assert worth_keeping((booked, closing)) == (closing, booked)
