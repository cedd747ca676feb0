"""What a channel costs: whole lives, openings, disputes, ends."""

from __future__ import annotations

from hashlib import sha256

from clearing.spec.types import Condition, ConditionKind
from clearing.spec.units import DAY_S
from tests.gas.life import MOVED, Channel
from tests.gas.meter import meter
from tests.gas.rig import AMOUNT, Scene

__all__: list[str] = []

PREIMAGE = sha256(b"preimage").digest()


def opened(scene: Scene, assets: int = 1) -> Channel:
    """Return a channel in its first life, opened from ledgers that hold more."""
    tokens = scene.rig.tokens[:assets]
    scene.fill_ledgers(*tokens)
    channel = Channel.new(scene, *tokens)
    channel.open_from_ledger()
    return channel


# WHOLE LIVES


@meter(
    "channel.lifecycle.cooperative.first",
    "two transactions, approvals not counted: a new channel's opening pulls both sides' collateral "
    "by exact approvals, its close sends both payouts; wallets and vault hold the token",
)
def life_first(scene: Scene) -> int:
    channel = Channel.new(scene, scene.rig.tokens[0])
    return channel.open_from_allowance() + channel.close(sent=True)


@meter(
    "channel.lifecycle.cooperative.again",
    "as channel.lifecycle.cooperative.first, for a channel that has had one such life",
)
def life_again(scene: Scene) -> int:
    channel = Channel.new(scene, scene.rig.tokens[0])
    channel.open_from_allowance()
    channel.close(sent=True)
    return channel.open_from_allowance() + channel.close(sent=True)


@meter(
    "channel.lifecycle.cooperative.assets2",
    "as channel.lifecycle.cooperative.first, with two assets",
)
def life_of_two_assets(scene: Scene) -> int:
    channel = Channel.new(scene, *scene.rig.tokens[:2])
    return channel.open_from_allowance() + channel.close(sent=True)


@meter(
    "channel.lifecycle.disputed",
    "five transactions of a new channel: its opening pulls the collateral by exact approvals, "
    "challenge, finalize to ledgers that never held the token, both withdraw all to their wallets",
)
def life_disputed(scene: Scene) -> int:
    rig = scene.rig
    token = rig.tokens[0]
    channel = Channel.new(scene, token)
    gas = channel.open_from_allowance()
    state = channel.operating()
    gas += channel.challenge(state)
    scene.wait(DAY_S)
    gas += channel.finalize(state)
    for party, amount in ((rig.low, AMOUNT - MOVED), (rig.high, AMOUNT + MOVED)):
        owner = party.address
        gas += scene.send(rig.adjudicator, "withdraw", token.address, amount, owner, sender=owner)
    return gas


@meter(
    "channel.lifecycle.registryCalls",
    "inside channel.lifecycle.cooperative.first: gas that the two calls to the registry used, "
    "without the 2,600 that each pays to reach a cold address",
)
def life_registry(scene: Scene) -> int:
    life_first(scene)
    return sum(scene.used_by(scene.rig.registry, sent) for sent in scene.sent[-2:])


# OPENING AND COLLATERAL


@meter("channel.open.first", "a new channel; both ledgers hold more than is needed")
def open_first(scene: Scene) -> int:
    token = scene.rig.tokens[0]
    scene.fill_ledgers(token)
    return Channel.new(scene, token).open_from_ledger()


@meter("channel.open.again", "as channel.open.first, for a channel that was open once")
def open_again(scene: Scene) -> int:
    channel = opened(scene)
    channel.close(sent=False)
    return channel.open_from_ledger()


@meter("channel.depositCollateral", "an open channel; the ledger holds more than is needed")
def deposit_collateral(scene: Scene) -> int:
    channel = opened(scene)
    return scene.send(
        scene.rig.adjudicator,
        "depositCollateral",
        channel.definition,
        scene.rig.tokens[0].address,
        MOVED,
        sender=channel.low,
    )


@meter("channel.resize", "an open channel; both sides take a part out; both ledgers hold the token")
def resize(scene: Scene) -> int:
    channel = opened(scene)
    return channel.send("resize", channel.resizing(), sender=channel.low)


# DISPUTES


@meter("channel.checkpoint", "an open channel; liabilities and risk are committed to")
def checkpoint(scene: Scene) -> int:
    channel = opened(scene)
    return channel.send("checkpoint", channel.operating(), sender=channel.low)


@meter("channel.challenge.first", "an open channel that was never challenged")
def challenge_first(scene: Scene) -> int:
    channel = opened(scene)
    return channel.challenge(channel.operating())


@meter("channel.challenge.again", "an open channel whose first challenge was answered")
def challenge_again(scene: Scene) -> int:
    channel = opened(scene)
    channel.challenge(channel.operating())
    channel.send("checkpoint", channel.operating(), sender=channel.high)
    return channel.challenge(channel.operating())


@meter("channel.challengeByIntent", "as channel.challenge.first, sent by an outsider for a broker")
def challenge_by_intent(scene: Scene) -> int:
    channel = opened(scene)
    state = channel.operating()
    return channel.send(
        "challenge", state, channel.intent(state), sender=scene.rig.roles["outsider"]
    )


@meter("channel.respond", "a checkpoint that clears a channel's first challenge")
def respond(scene: Scene) -> int:
    channel = opened(scene)
    channel.challenge(channel.operating())
    return channel.send("checkpoint", channel.operating(), sender=channel.high)


@meter("channel.reveal", "an open channel; the preimage of its latest version's hash lock")
def reveal(scene: Scene) -> int:
    channel = opened(scene)
    lock = Condition(
        kind=ConditionKind.HASHLOCK,
        ref=sha256(PREIMAGE).digest(),
        expiry=scene.now + DAY_S,
        alt_low=(AMOUNT,),
    )
    return channel.send("reveal", channel.operating(lock), PREIMAGE, sender=channel.low)


# ENDS


@meter("channel.closeCooperative", "an open channel; all goes to ledgers that hold the token")
def close_cooperative(scene: Scene) -> int:
    return opened(scene).close(sent=False)


def challenged(channel: Channel) -> int:
    """Challenge, wait, finalize; return the gas of the last."""
    state = channel.operating()
    channel.challenge(state)
    channel.scene.wait(DAY_S)
    return channel.finalize(state)


@meter("channel.finalize", "a challenged channel past its deadline; both ledgers hold the token")
def finalize(scene: Scene) -> int:
    return challenged(opened(scene))


@meter("channel.finalizeFresh", "as channel.finalize; no ledger has ever held the token")
def finalize_fresh(scene: Scene) -> int:
    channel = Channel.new(scene, scene.rig.tokens[0])
    channel.open_from_allowance()
    return challenged(channel)
