"""What brokers' ledgers cost: deposits, withdrawals, settlements."""

from __future__ import annotations

from clearing.channel.codec import hash_auth, signing_digest
from clearing.channel.signatures import LocalSigner
from clearing.spec.types import Side, WithdrawAuth
from clearing.spec.units import DAY_S, Address
from tests.gas.channel_meters import opened
from tests.gas.life import MOVED
from tests.gas.meter import meter
from tests.gas.rig import AMOUNT, LEGS_MAX, Scene, secret_of

__all__: list[str] = []

DEPOSIT = AMOUNT + MOVED


@meter("channel.deposit.first", "exact approval; the ledger never held the token, the vault does")
def deposit_first(scene: Scene) -> int:
    return scene.deposit(scene.rig.low, scene.rig.tokens[0], DEPOSIT)


@meter("channel.deposit.again", "exact approval; ledger and vault hold the token")
def deposit_again(scene: Scene) -> int:
    deposit_first(scene)
    return deposit_first(scene)


def withdraw_to(scene: Scene, to: Address) -> int:
    """Withdraw a part of low's ledger."""
    rig = scene.rig
    token, owner = rig.tokens[0], rig.low.address
    scene.deposit(rig.low, token, DEPOSIT)
    return scene.send(rig.adjudicator, "withdraw", token.address, MOVED, to, sender=owner)


@meter("channel.withdraw", "to the broker, who holds the token; something stays in the ledger")
def withdraw(scene: Scene) -> int:
    return withdraw_to(scene, scene.rig.low.address)


@meter("channel.withdrawFresh", "to an account that never held the token; something stays")
def withdraw_fresh(scene: Scene) -> int:
    return withdraw_to(scene, scene.rig.roles["outsider"])


@meter(
    "channel.withdrawWithAuth",
    "as channel.withdraw, sent by an outsider with the broker's ECDSA signature; the nonce is the "
    "first that is used of its 256",
)
def withdraw_with_auth(scene: Scene) -> int:
    rig = scene.rig
    token, owner = rig.tokens[0], rig.low.address
    scene.deposit(rig.low, token, DEPOSIT)
    auth = WithdrawAuth(owner, token.address, owner, MOVED, nonce=7, valid_until=scene.now + DAY_S)
    role = next(role for role, address in rig.roles.items() if address == owner)
    signature = LocalSigner(secret_of(role)).sign(signing_digest(rig.separator, hash_auth(auth)))
    return scene.send(
        rig.adjudicator,
        "withdrawWithAuth",
        auth,
        signature.expanded(),
        sender=rig.roles["outsider"],
    )


# SETTLEMENT


def settle(scene: Scene, count: int) -> int:
    """Settle an order of `count` legs over as many tokens in one transaction."""
    channel = opened(scene)
    scene.fill_ledgers(*scene.rig.tokens[:count])
    state, order = channel.settling(*channel.legs(count))
    return channel.send("settle", state, order, sender=channel.low)


for legs in (1, 2, 5, LEGS_MAX):
    meter(
        f"channel.settle.legs{legs}",
        f"an open channel's first order, {legs} of 32 legs, as many tokens, in turn from each "
        "side; both ledgers hold every token and keep some",
    )(lambda scene, legs=legs: settle(scene, legs))


def funded(scene: Scene, *sides: Side) -> int:
    """Fund an order of five legs by these sides; return the gas of the last, or of the refund."""
    channel = opened(scene)
    scene.fill_ledgers(*scene.rig.tokens[:5])
    state, order = channel.settling(*channel.legs(5))
    gas = 0
    for side in sides:
        gas = channel.send("fundOrder", state, order, side, sender=channel.definition.broker(side))
    return gas


@meter("channel.fundOrder.first", "as channel.settle.legs5: low's three legs are locked")
def fund_first(scene: Scene) -> int:
    return funded(scene, Side.LOW)


@meter("channel.fundOrder.second", "as channel.settle.legs5, low has funded: high does, all run")
def fund_second(scene: Scene) -> int:
    return funded(scene, Side.LOW, Side.HIGH)


@meter("channel.refundOrder", "low has funded its three of five legs and high has not, past grace")
def refund(scene: Scene) -> int:
    channel = opened(scene)
    scene.fill_ledgers(*scene.rig.tokens[:5])
    state, order = channel.settling(*channel.legs(5))
    channel.send("fundOrder", state, order, Side.LOW, sender=channel.low)
    scene.wait(2 * DAY_S)
    return scene.send(
        scene.rig.adjudicator, "refundOrder", channel.definition, order, sender=channel.low
    )
