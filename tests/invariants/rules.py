"""What a schedule may do next: one rule for each function and each event of the outside world.

A rule draws an action that would mostly be accepted, or None where it has nothing to act on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from clearing.channel import requests
from clearing.spec.registry import LOT, UNSTAKE_DELAY_S
from clearing.spec.rules import PAUSE_MAX_S, is_lock_outstanding
from clearing.spec.types import (
    ConditionKind,
    IdentifiedDef,
    Intent,
    Side,
    Status,
    WithdrawAuth,
)
from clearing.spec.units import Address
from tests.invariants.actions import (
    Action,
    CancelAuth,
    Deposit,
    LiftPause,
    Manner,
    PauseOpenings,
    PushTransfer,
    RaiseCap,
    RegistryCall,
    Send,
    Warp,
    Withdraw,
)
from tests.invariants.arena import SCARCE
from tests.invariants.book import Entry
from tests.invariants.drafts import draft, draft_opening
from tests.invariants.player import Player
from tests.invariants.tokens import SETTERS, UNLIMITED

__all__ = ["RULES", "Rule"]

Rule = Callable[[Player], Action | None]

LIVE: Final = (Status.OPEN, Status.CHALLENGED)
DORMANT: Final = (Status.NEW, Status.IDLE)
BINDING: Final = (Intent.OPERATE, Intent.OPERATE, Intent.SETTLE)
MAX_CAP: Final = 2**127 - 1
TWO_DAYS_S: Final = 172_800


# THE VAULT


def deposit(p: Player) -> Action | None:
    """Pay in what the wallet has, or more."""
    broker, token = p.some_member().address, p.some_token()
    wallet = p.lock.shelf.wallets.get((token, broker), 0)
    amount = p.amount(wallet) if p.draw.chance(95) else wallet + 1
    return Send(broker, Deposit(token, amount))


def withdraw(p: Player) -> Action | None:
    """Take out of the ledger, to anybody."""
    broker, token = _ledger_to_draw_on(p)
    ledger = p.ledger(broker, token)
    amount = p.amount(ledger) if p.draw.chance(90) else ledger + 1
    return Send(broker, Withdraw(token, amount, _recipient(p, broker)))


def withdraw_with_auth(p: Player) -> Action | None:
    """Take out on the owner's signature, new or used before."""
    draw = p.draw
    if p.auths and draw.chance(30):
        auth, signature = draw.choose(p.auths)
        return Send(p.anybody(), requests.WithdrawWithAuth(auth, signature))
    broker, token = _ledger_to_draw_on(p)
    amount = min(p.amount(p.ledger(broker, token)), 2**128 - 1)
    nonce = draw.integer(0, 300)
    auth = WithdrawAuth(broker, token, _recipient(p, broker), amount, nonce, p.soon())
    signer = broker if draw.chance(90) else p.some_member().keys[0].address
    signed = (auth, p.notary.auth(auth, signer))
    p.auths.append(signed)
    return Send(p.anybody(), requests.WithdrawWithAuth(*signed))


def cancel_auth(p: Player) -> Action | None:
    """Spend a nonce, of an authorisation that is out or any other."""
    if p.auths and p.draw.chance(70):
        auth, _ = p.draw.choose(p.auths)
        return Send(auth.account, CancelAuth(auth.nonce))
    return Send(p.some_member().address, CancelAuth(p.draw.integer(0, 300)))


def raise_cap(p: Player) -> Action | None:
    """List the scarce token, raise a cap, or fail to."""
    draw, world = p.draw, p.lock.world
    token = p.some_token() if draw.chance(30) else _scarce(p)
    old = world.caps.get(token, 0)
    cap = draw.choose((old + SCARCE, old + 1, old + 10, old, 1, MAX_CAP + 1, 2**256 - 1))
    if draw.chance(10):
        token = p.anybody()
    return Send(world.params.timelock, RaiseCap(token, cap))


def push_transfer(p: Player) -> Action | None:
    """Ask the vault to send, as only itself may."""
    return Send(p.anybody(), PushTransfer(p.some_token(), p.anybody(), p.amount(1_000)))


def _ledger_to_draw_on(p: Player) -> tuple[Address, Address]:
    """Return a broker and a token, mostly such that the ledger is not empty."""
    full = sorted(key for key, amount in p.lock.world.ledgers.items() if amount)
    if full and p.draw.chance(90):
        return p.draw.choose(full)
    return p.some_member().address, p.some_token()


def _recipient(p: Player, broker: Address) -> Address:
    draw = p.draw
    if draw.chance(90):
        return draw.choose((broker, p.arena.outsider))
    return draw.choose((Address(bytes(20)), p.lock.world.params.adjudicator, p.some_token()))


def _scarce(p: Player) -> Address:
    shelf = p.lock.shelf
    return next(at for at in p.assets if shelf.tokens[at].kind == "NoReturnToken")


# CHANNELS


def open_(p: Player) -> Action | None:
    """Open a channel, for the first time or again."""
    identified = p.some_channel(*DORMANT)
    if identified is None:
        return None
    if p.draw.chance(70) and (hindrance := _hindrance(p, identified)) is not None:
        return hindrance
    entry = p.latest(identified, Intent.OPEN) if p.draw.chance(20) else None
    return _send(p, requests.Open, entry or draft_opening(p, identified))


def _hindrance(p: Player, identified: IdentifiedDef) -> Action | None:
    """Return what must be done before the channel can open: list an asset, name a key."""
    definition, world = identified.definition, p.lock.world
    for token in definition.assets:
        if not world.caps.get(token, 0):
            return Send(world.params.timelock, RaiseCap(token, SCARCE))
    for side in Side:
        broker, key = definition.broker(side), definition.signer(side)
        if world.registry.brokers[broker].signer != key:
            return RegistryCall(broker, "set_signer", (key,))
    return None


def deposit_collateral(p: Player) -> Action | None:
    """Move from the ledger into the channel."""
    identified = p.some_channel(*LIVE)
    if identified is None:
        return None
    definition = identified.definition
    broker = p.some_broker(definition)
    funded = [token for token in definition.assets if p.ledger(broker, token)]
    token = p.draw.choose(funded or definition.assets)
    if p.draw.chance(3):
        token = p.some_token()
    ledger = p.ledger(broker, token)
    amount = p.amount(ledger) if p.draw.chance(90) else ledger + 1
    request = requests.DepositCollateral(definition, token, min(amount, 2**128 - 1))
    return Send(broker, request)


def checkpoint(p: Player) -> Action | None:
    """Enforce a later state; answers a challenge."""
    identified = _live(p)
    if identified is None:
        return None
    expired = p.latest(identified, Intent.RESIZE)
    if expired is not None and p.draw.chance(20):
        return _send(p, requests.Checkpoint, expired)
    return _send(p, requests.Checkpoint, _binding(p, identified))


def challenge(p: Player) -> Action | None:
    """Start or raise a challenge, mostly as a party of the channel."""
    identified = _live(p)
    if identified is None:
        return None
    every = (Intent.OPEN, Intent.OPERATE, Intent.RESIZE, Intent.SETTLE)
    entry = p.latest(identified, *every) if p.draw.chance(60) else _binding(p, identified)
    if entry is None:
        return None
    side = p.some_side()
    definition = identified.definition
    if p.draw.chance(25):
        intent = p.notary.intent(entry, definition.signer(side))
        return Send(
            p.anybody(),
            requests.ChallengeByIntent(definition, entry.state, entry.signatures, intent),
        )
    sender = p.draw.choose((definition.broker(side), definition.signer(side)))
    request = requests.Challenge(definition, entry.state, entry.signatures)
    return Send(sender if p.draw.chance(92) else p.anybody(), request)


def resize(p: Player) -> Action | None:
    """Take collateral out; sometimes the state is signed and kept."""
    identified = _live(p)
    if identified is None:
        return None
    entry = p.latest(identified, Intent.RESIZE) if p.draw.chance(30) else None
    return _send(p, requests.Resize, entry or draft(p, identified, Intent.RESIZE))


def reveal(p: Player) -> Action | None:
    """Publish a preimage."""
    identified = _live(p)
    if identified is None:
        return None
    locked = [e for e in p.known(identified) if e.state.condition.kind == ConditionKind.HASHLOCK]
    if not locked or p.draw.chance(40):
        entry = draft(p, identified, Intent.OPERATE, hash_lock=True)
    else:
        entry = locked[-1] if p.draw.chance(70) else p.draw.choose(locked)
    return _reveal(p, entry)


def close_cooperative(p: Player) -> Action | None:
    """End at once, with payouts to the wallets, the ledgers or both."""
    identified = p.some_channel(*LIVE)
    if identified is None:
        return None
    entry = p.latest(identified, Intent.CLOSE) if p.draw.chance(25) else None
    return _send(p, requests.CloseCooperative, entry or draft(p, identified, Intent.CLOSE))


def finalize(p: Player) -> Action | None:
    """End by the challenged state."""
    identified = p.some_channel(Status.CHALLENGED)
    if identified is None:
        return None
    deadline = p.channel(identified).deadline
    if p.now < deadline and p.draw.chance(60):
        return Warp(max(0, deadline + p.draw.choose((-1, 0, 0, 1)) - p.now))
    entry = p.challenged(identified) if p.draw.chance(92) else _binding(p, identified)
    if entry is None:
        return None
    return Send(p.anybody(), requests.Finalize(entry.definition, entry.state))


def sign_only(p: Player) -> Action | None:
    """Sign the next state and send nothing: time passes by a second."""
    identified = p.some_channel(*LIVE)
    if identified is None:
        return None
    _binding(p, identified, is_new=True)
    return Warp(1)


def crash(p: Player) -> Action | None:
    """Lose what was signed in a channel and go on from what the contract shows; a second passes."""
    identified = p.draw.choose(p.channels)
    p.book[identified.channel_id] = []
    return Warp(1)


# SETTLEMENT


def settle(p: Player) -> Action | None:
    """Execute an order at once."""
    entry = _settlement(p)
    if entry is None or entry.order is None:
        return None
    request = requests.Settle(entry.definition, entry.state, entry.signatures, entry.order)
    return Send(p.anybody(), request)


def fund_order(p: Player) -> Action | None:
    """Lock one side's legs, or the second side's."""
    entry = _settlement(p)
    if entry is None or entry.order is None:
        return None
    side, definition = p.some_side(), entry.definition
    sender = p.draw.choose((definition.broker(side), definition.signer(side)))
    request = requests.FundOrder(definition, entry.state, entry.signatures, entry.order, side)
    return Send(sender if p.draw.chance(93) else p.anybody(), request)


def refund_order(p: Player) -> Action | None:
    """Give locks back."""
    locked = [each for each in p.channels if is_lock_outstanding(p.channel(each).order_flags)]
    if not locked or p.draw.chance(5):
        entry = _settlement(p)
        if entry is None or entry.order is None:
            return None
        return Send(p.anybody(), requests.RefundOrder(entry.definition, entry.order))
    identified = p.draw.choose(locked)
    order = p.lock.world.locks[identified.channel_id].order
    return Send(p.anybody(), requests.RefundOrder(identified.definition, order))


def _settlement(p: Player) -> Entry | None:
    """Return a SETTLE state: of a lock that is held, the latest, or a new one."""
    identified = _live(p)
    if identified is None:
        return None
    channel = p.channel(identified)
    settlements = [entry for entry in p.known(identified) if entry.order is not None]
    if is_lock_outstanding(channel.order_flags) and p.draw.chance(80):
        held = [e for e in settlements if e.state.condition.ref == channel.order]
        if held:
            return held[-1]
    if settlements and p.draw.chance(50):
        return settlements[-1] if p.draw.chance(80) else p.draw.choose(settlements)
    return draft(p, identified, Intent.SETTLE)


# THE REGISTRY, OFFICIALS, TIME, TOKENS


def stake(p: Player) -> Action | None:
    """Use the registry as a broker does."""
    draw, member = p.draw, p.some_member()
    seat = p.lock.world.registry.brokers[member.address]
    match draw.integer(0, 5):
        case 0 | 1:
            amount = draw.choose((LOT, seat.stake, 1, LOT - 1, 0, seat.stake + 1))
            return RegistryCall(member.address, "request_unstake", (amount,))
        case 2:
            return RegistryCall(member.address, "cancel_unstake")
        case 3 | 4:
            return RegistryCall(member.address, "complete_unstake")
        case _:
            amount = draw.choose((LOT, 1, 0, 2**128))
            return RegistryCall(member.address, "stake", (amount,))


def set_signer(p: Player) -> Action | None:
    """Rotate a key, mostly back to the one that channels name."""
    member = p.some_member()
    key = member.keys[p.draw.chance(30)].address if p.draw.chance(97) else Address(bytes(20))
    return RegistryCall(member.address, "set_signer", (key,))


def seize_slots(p: Player) -> Action | None:
    """Take or release slots as only the Adjudicator may."""
    definition = p.draw.choose(p.channels).definition
    low, high = definition.broker_low, definition.broker_high
    if p.draw.chance(50):
        return RegistryCall(p.anybody(), "release_slots", (low, high))
    arguments = (low, definition.signer_low, high, definition.signer_high)
    return RegistryCall(p.anybody(), "take_slots", arguments)


def pause(p: Player) -> Action | None:
    """Pause openings, for an hour or for ever."""
    until = p.now + p.draw.choose((0, 1, 3_600, PAUSE_MAX_S, PAUSE_MAX_S + 1))
    if p.draw.chance(10):
        until = p.draw.choose((0, 2**40 - 1))
    return Send(p.lock.world.params.guardian, PauseOpenings(until))


def lift_pause(p: Player) -> Action | None:
    """Lift a pause."""
    return Send(p.lock.world.params.timelock, LiftPause())


def pass_time(p: Player) -> Action | None:
    """Go to the last second before, the first after, or the second at which a rule turns."""
    draw = p.draw
    times = [time for time in p.boundaries() if time <= p.now + TWO_DAYS_S]
    if times and draw.chance(85):
        target = draw.choose(times[:4]) + draw.choose((-1, 0, 0, 1))
        return Warp(max(0, target - p.now))
    return Warp(draw.choose((0, 1, 12, 100, 300)))


def pass_long(p: Player) -> Action | None:
    """Let a month pass, or whatever is the last thing to wait for."""
    times = [time for time in p.boundaries() if time <= p.now + 2 * UNSTAKE_DELAY_S]
    target = times[-1] + p.draw.choose((-1, 0)) if times and p.draw.chance(60) else 0
    return Warp(max(target - p.now, 0) or UNSTAKE_DELAY_S)


def change_manners(p: Player) -> Action | None:
    """Let a token misbehave, or behave again; half of the changes are back to good manners."""
    draw, shelf = p.draw, p.lock.shelf
    token = shelf.tokens[p.some_token()]
    sender = p.arena.outsider
    if token.kind == "BlocklistToken":
        params = p.lock.world.params
        party = draw.choose((p.some_member().address, p.arena.outsider, params.adjudicator))
        if token.blocked and draw.chance(50):
            party = min(token.blocked)
        arguments = (party, party not in token.blocked)
        return Manner(sender, token.address, "setBlocked", arguments)
    if token.kind == "ReentrantToken":
        return _arm(p, token.address)
    if token.kind not in SETTERS:
        return None
    function, options = SETTERS[token.kind]
    value = options[0] if draw.chance(50) else draw.choose(options)
    return Manner(sender, token.address, function, (value,))


def _arm(p: Player, token: Address) -> Action:
    """Let the token call back into any function, with arguments that were good in some call."""
    if not p.sent or p.draw.chance(20):
        return Manner(p.arena.outsider, token, "arm", (Address(bytes(20)), b""))
    request = p.draw.choose(p.sent).request
    calldata = p.arena.deployment.adjudicator.call(request.function, len(request.arguments))
    payload = calldata.method.encode(*request.arguments)
    return Manner(p.arena.outsider, token, "arm", (p.lock.world.params.adjudicator, payload))


def allow(p: Player) -> Action | None:
    """Change an allowance, give a broker more, or give the vault a present."""
    draw, member, token = p.draw, p.some_member(), p.some_token()
    vault = p.lock.world.params.adjudicator
    match draw.integer(0, 9):
        case 0 | 1:
            return Manner(member.address, token, "approve", (vault, p.amount(SCARCE)))
        case 2:
            return Manner(member.address, token, "mint", (vault, p.amount(1_000)))
        case 3:
            return Manner(member.address, token, "transfer", (vault, p.amount(1_000)))
        case 4 | 5:
            return Manner(member.address, token, "mint", (member.address, p.amount(2**90)))
        case _:
            return Manner(member.address, token, "approve", (vault, UNLIMITED))


# PARTS


def _live(p: Player) -> IdentifiedDef | None:
    """Return mostly a live channel, rarely one that is not."""
    if p.draw.chance(97):
        return p.some_channel(*LIVE)
    return p.draw.choose(p.channels)


def _binding(p: Player, identified: IdentifiedDef, *, is_new: bool = False) -> Entry:
    """Return the latest state that a checkpoint takes, or a new one."""
    entry = p.latest(identified, *BINDING)
    if entry is not None and not is_new and p.draw.chance(40):
        return entry
    intent = p.draw.choose(BINDING)
    has_lock = intent == Intent.OPERATE and p.draw.chance(30)
    return draft(p, identified, intent, hash_lock=has_lock)


def _reveal(p: Player, entry: Entry) -> Send:
    request = requests.Reveal(entry.definition, entry.state, entry.signatures, entry.preimage)
    return Send(p.anybody(), request)


def _send(p: Player, kind: type[requests.Request], entry: Entry) -> Send:
    request = kind(entry.definition, entry.state, entry.signatures)  # type: ignore[call-arg]
    return Send(p.anybody(), request)


RULES: Final[tuple[tuple[int, Rule], ...]] = (
    (40, deposit),
    (12, withdraw),
    (8, withdraw_with_auth),
    (3, cancel_auth),
    (4, raise_cap),
    (1, push_transfer),
    (70, open_),
    (30, deposit_collateral),
    (40, checkpoint),
    (60, challenge),
    (30, resize),
    (35, reveal),
    (25, close_cooperative),
    (70, finalize),
    (10, sign_only),
    (2, crash),
    (40, settle),
    (70, fund_order),
    (35, refund_order),
    (8, stake),
    (4, set_signer),
    (1, seize_slots),
    (2, pause),
    (2, lift_pause),
    (90, pass_time),
    (2, pass_long),
    (12, change_manners),
    (12, allow),
)
