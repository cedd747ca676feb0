"""The whole-system machine: it runs without fault, the same each time, and notices what is wrong.

Held here over every contract at once: SYS-01 (tokens are conserved), SYS-02 (nobody loses by a step
of the adversary's), SYS-03 (everybody can leave); beside them ADJ-01, REG-04, HTL-01, PERP-01 to
PERP-03, PERP-20, GOV-10 and GOV-14.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial

import pytest

from clearing.chain.project import project_root
from clearing.spec.perp_types import Purpose
from clearing.spec.types import AssetSplit, ClearingState, Intent, Status
from tests.harness.oracle import ACCEPTED
from tests.invariants.book import Entry
from tests.invariants.played import Played, Seen
from tests.invariants.system_adversary import MUTATORS, Adversary, Attack, Shot, mutable
from tests.invariants.system_books import Books, Picture, signed
from tests.invariants.system_checks import Broken
from tests.invariants.system_keepers import Keepers
from tests.invariants.system_machine import Life, play, unseen
from tests.invariants.system_stage import ARTIFACTS, RAW, Rogues, stage
from tests.invariants.system_town import Line
from tests.invariants.system_wanted import INSIDE, NEVER, OUTCOMES, OUTSIDE

STEPS = 700
"""Of the run without fault: long enough that everybody leaves once."""
PATIENCE, LIVES = 1_500, 8
"""In how many steps of how many schedules a planted fault must show."""
SCRIPT = """
import json
from tests.invariants.system_keepers import Keepers
from tests.invariants.system_machine import play
played = play("again", 150)
print(json.dumps([played.steps, sorted([*move, n] for move, n in played.seen.items())]))
"""


@pytest.fixture
def life() -> Iterator[Life]:
    """Return a life at its begin; nothing remains of it."""
    with stage().chain.isolated():
        yield Life("a life")


def told(played: Played) -> list[object]:
    return [played.steps, sorted([*move, n] for move, n in played.seen.items())]


# A RUN


def test_play__without_a_fault__meets_every_way_to_attack() -> None:
    played = play("no fault", STEPS)

    assert (played.fault, played.steps) == (None, STEPS)
    tried = {move for move, _ in played.seen}
    assert {f"adversary: {mutator}" for mutator in MUTATORS} <= tried
    assert not [gap for gap in unseen(played.seen) if gap.startswith("Adjudicator.open:")]


def test_play__of_a_seed__is_the_same_in_another_process() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "77"}

    other = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=project_root(),
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )

    assert json.loads(other.stdout) == told(play("again", 150))
    assert told(play("again", 150)) != told(play("another", 150))


# WHAT IT LOOKS AT


def test_books__after_many_steps__say_what_the_views_say(life: Life) -> None:
    """Slots are computed from the layouts; here once they are compared with what contracts say."""
    for _ in range(300):
        life.step()
    town, at = life.town, life.town.stage

    picture = town.books.read()

    for holder in town.books.holders:
        assert picture["wallet", "USDC", holder] == at["USDC"].read("balanceOf", holder)
        assert picture["stake", holder] == at["BrokerRegistry"].read("stake_of", holder)
        for token in ("USDC", "Yellow"):
            ledger = at["Adjudicator"].read("balanceOf", holder, town.address(token))
            assert picture["ledger", token, holder] == ledger
    for account in range(town.books.accounts):
        owner, cash, markets = at["DerivativesEngine"].read("accountOf", account)
        assert picture["owner", account] == int.from_bytes(owner, "big")
        assert signed(picture["cash", account], 0, 128) == cash
        assert picture["cash", account] >> 128 == markets
        assert picture["shares", account] == at["VaultModule"].read("sharesOf", account)
        assert town.health(account, Purpose.MID).equity == _equity(life, account)
    views = {line.id: town.look(line) for line in town.lines.values()}
    assert any(view.status is Status.OPEN for view in views.values())
    for channel_id, view in views.items():
        for asset, nets in enumerate(view.nets):
            assert at["Adjudicator"].read("netOf", channel_id, asset) == nets


def _equity(life: Life, account: int) -> int:
    equity: int = life.town.stage["DerivativesEngine"].read("healthOf", account, Purpose.MID)[0]
    return equity


def test_tables__of_what_a_run_must_meet__name_what_there_is() -> None:
    names = {
        f"{name}.{entry['name']}"
        for name in ARTIFACTS
        if name not in OUTSIDE
        for entry in mutable(name)
    }

    assert {*INSIDE, *NEVER, *INSIDE.values()} <= names
    assert {*OUTCOMES} == {*MUTATORS, "called back in another's step"}
    gaps = unseen(Counter())
    assert {f"{name}: accepted" for name in names - set(NEVER)} <= set(gaps)
    assert {f"adversary: {name}" for name in names} <= set(gaps)
    met: Seen = Counter({("Adjudicator.open", "accepted"): 1})
    assert "BrokerRegistry.take_slots: accepted" not in unseen(met)


# PLANTED FAULTS


def fault_of() -> str:
    """Play until the fault shows, anew after a while; return what was said of it."""
    for life in range(LIVES):
        if fault := play(f"planted/{life}", PATIENCE).fault:
            return fault.message
    raise AssertionError("a planted fault shows")


def test_play__token_minted_from_nowhere__is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token's own mint, which no move of the machine's uses."""
    collect = Keepers.upkeep

    def upkeep(keepers: Keepers) -> str:
        token = keepers.town.stage["USDC"]
        token.send("mint", keepers.by, 1, sender=keepers.by)
        return collect(keepers)

    monkeypatch.setattr(Keepers, "upkeep", upkeep)

    assert fault_of().startswith("SYS-01: USDC")


def test_play__key_of_an_honest_broker__is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adversary sends as a broker: what it can take from it counts as lost."""
    victim, others = stage().brokers[0].address, stage().rogues.senders
    monkeypatch.setattr(Rogues, "senders", property(lambda _: (*(victim,) * 40, *others)))

    assert fault_of().startswith("SYS-02: ")


def _shifted(key: tuple[object, ...], by: int) -> object:
    """Return a way to read that is off by so much in one place after a hundred readings."""
    readings = Counter[str]()
    real = Books.read

    def read(books: Books, *, is_whole: bool = True) -> Picture:
        readings["all"] += 1
        picture = real(books, is_whole=is_whole)
        if readings["all"] > 100:
            picture[key] = picture.get(key, 0) + by
        return picture

    return read


@pytest.mark.parametrize(
    ("key", "by", "message"),
    [
        (("ledger", "USDC", "broker"), 10**9 * RAW, "ADJ-01: USDC"),
        (("stake", "broker"), 10**30, "REG-04: "),
        (("credit", "USDC", "broker"), 1, "HTL-01: USDC"),
        (("power", "EXECUTOR_ROLE", "outsider"), 1, "GOV-10: "),
        (("power", "delay"), 1, "GOV-10: "),
        (("position", 5, 0), 1, "PERP-01: "),
        (("cash", 5), 10**31, "PERP-03: "),
        (("shares", 9), 1, "SYS-01: the shares"),
        (("paused", "openings"), 2**33, "GOV-14: openings"),
    ],
    ids=["ledger", "stake", "credit", "role", "delay", "position", "cash", "shares", "pause"],
)
def test_checks__a_word_that_is_off__is_noticed(
    monkeypatch: pytest.MonkeyPatch, key: tuple[object, ...], by: int, message: str
) -> None:
    """Somebody got in by a side door: each sum and each guarded word is looked at."""
    people = {
        "broker": stage().brokers[0].address,
        "outsider": stage().rogues.outsider.address,
    }
    named = tuple(people.get(part, part) if isinstance(part, str) else part for part in key)
    monkeypatch.setattr(Books, "read", _shifted(named, by))

    assert fault_of().startswith(message)


def test_checks__ledger_moved_by_the_adversary__is_noticed(
    monkeypatch: pytest.MonkeyPatch, life: Life
) -> None:
    """From one ledger to another: every sum is right, and a broker has lost."""
    broker, thief = stage().brokers[0].address, stage().rogues.outsider.address
    usdc = life.town.address("USDC")
    life.town.desk.send("Adjudicator", "deposit", usdc, 10 * RAW, by=broker)
    life.checks.after(life.town.desk.told)
    real = Books.read

    def read(books: Books, *, is_whole: bool = True) -> Picture:
        picture = real(books, is_whole=is_whole)
        picture["ledger", "USDC", broker] -= RAW
        picture["ledger", "USDC", thief] += RAW
        return picture

    monkeypatch.setattr(Books, "read", read)

    with pytest.raises(Broken, match="SYS-02: a broker's USDC fell"):
        attack_with_own(life)


def attack_with_own(life: Life) -> None:
    """Let the adversary act with its own money until something of it is accepted."""
    for _ in range(50):
        life.town.desk.begin()
        life.attack(Adversary.with_own(life.adversary))


@pytest.mark.parametrize("watches", [True, False], ids=["watched", "unwatched"])
def test_attack__channel_ended_by_an_old_state__costs_who_does_not_watch(
    life: Life, *, watches: bool
) -> None:
    """The rogue was paid 3 USD out of 10 in the newest state, 9 in the one before."""
    town, desk = life.town, life.town.desk
    rogue = stage().rogues.rogue
    line = next(line for line in town.lines.values() if rogue in line.brokers)
    old, new = (sign(life, line, version, of=9 if version == 2 else 3) for version in (2, 3))
    opening = sign(life, line, 1, of=5)
    for broker in line.brokers:
        for asset in line.assets:
            desk.send("Adjudicator", "deposit", asset, 5 * RAW, by=broker.address)
    states = [(each.definition, each.state, each.signatures) for each in (opening, old)]
    assert desk.send("Adjudicator", "open", *states[0], by=rogue.address) == ACCEPTED
    assert desk.send("Adjudicator", "challenge", *states[1], by=rogue.address) == ACCEPTED
    life.checks.after(desk.told)
    if watches:
        life.brokers.watch()
        life.checks.after(desk.told)
    town.stage.chain.warp(town.now + line.identified.definition.challenge_duration)

    finalize = desk.stage["Adjudicator"].call("finalize", 2).method
    ends = new if watches else old
    calldata = finalize.encode(ends.definition, ends.state)
    shot = Shot("Adjudicator", calldata, rogue.address)
    attack = partial(life.attack, Attack("cheat", "Adjudicator.finalize", (shot,)))
    desk.begin()
    if watches:
        attack()
        assert desk.changed
    else:
        with pytest.raises(Broken, match="SYS-02: a broker's"):
            attack()


def sign(life: Life, line: Line, version: int, *, of: int) -> Entry:
    """Let both sign that the rogue owns so many of ten units of each asset."""
    is_low = line.brokers[0] is stage().rogues.rogue
    low = of * RAW if is_low else (10 - of) * RAW
    split = AssetSplit(5 * RAW, 5 * RAW, low, 10 * RAW - low)
    intent = Intent.OPEN if version == 1 else Intent.OPERATE
    state = ClearingState(
        channel_id=line.id,
        epoch=0,
        version=version,
        intent=intent,
        splits=(split,) * len(line.assets),
        valid_until=life.town.now + 60 if version == 1 else 0,
    )
    entry = life.town.notary.entry(line.identified, state)
    line.entries.append(entry)
    return entry
