"""Mirror `contracts/interfaces/ChannelTypes.sol`, field for field and in its order.

Amounts are raw token units, times are Unix seconds, durations are seconds, words are 32 `bytes`.
The specification hashes nothing but SHA-256: whoever calls it hands in the EIP-712 hashes and says
which signatures are good (`IdentifiedDef`, `SignedState`, `HashedState`, `HashedOrder`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from clearing.spec.units import Address

__all__ = [
    "EXECUTED",
    "FUNDED",
    "HIGH_FUNDED",
    "LOW_FUNDED",
    "MAX_ASSETS",
    "MAX_VERSION",
    "REFUNDED",
    "REVEALED",
    "ZERO_ADDRESS",
    "ZERO_WORD",
    "AssetAmounts",
    "AssetFunding",
    "AssetPayout",
    "AssetSplit",
    "ChallengeIntent",
    "ChannelDef",
    "ClearingState",
    "Condition",
    "ConditionKind",
    "HashedOrder",
    "HashedState",
    "IdentifiedDef",
    "Intent",
    "Leg",
    "Net",
    "Outcome",
    "Params",
    "SettlementOrder",
    "Side",
    "SignedState",
    "Status",
    "WithdrawAuth",
]

Net = tuple[int, int]
"""What the low and the high side have put in minus taken out of one asset, raw units."""

MAX_ASSETS = 8
MAX_VERSION = 2**64 - 1

ZERO_ADDRESS = Address(bytes(20))
ZERO_WORD = bytes(32)

LOW_FUNDED = 1
HIGH_FUNDED = 2
EXECUTED = 4
REFUNDED = 8
REVEALED = 16
FUNDED = LOW_FUNDED | HIGH_FUNDED


class Status(IntEnum):
    """Where a channel stands: NEW -> OPEN <-> CHALLENGED -> IDLE -> OPEN, and OPEN -> IDLE."""

    NEW = 0
    OPEN = 1
    CHALLENGED = 2
    IDLE = 3


class Side(IntEnum):
    """A side of a channel, ordered by the brokers' addresses."""

    LOW = 0
    HIGH = 1

    @property
    def other(self) -> Side:
        """The peer's side."""
        return Side(1 - self)


class Outcome(IntEnum):
    """How an end chose between the split and the condition's alternatives."""

    SPLIT = 0
    REVEALED = 1
    DELIVERED = 2
    LOW_DEFAULTED = 3
    HIGH_DEFAULTED = 4


class Intent(IntEnum):
    """What a state is for. 0 is invalid."""

    OPEN = 1
    OPERATE = 2
    RESIZE = 3
    SETTLE = 4
    CLOSE = 5


class ConditionKind(IntEnum):
    """What decides the split when the channel ends."""

    NONE = 0
    HASHLOCK = 1
    ORDER = 2


@dataclass(frozen=True, slots=True)
class ChannelDef:
    """What two brokers agree on once; `channelId = hashStruct(ChannelDef)`."""

    chain_id: int
    adjudicator: Address
    broker_low: Address
    broker_high: Address
    signer_low: Address
    signer_high: Address
    assets: tuple[Address, ...]
    challenge_duration: int
    nonce: int

    def broker(self, side: Side) -> Address:
        """Return the broker of a side."""
        return self.broker_high if side else self.broker_low

    def signer(self, side: Side) -> Address:
        """Return the key that signs states for a side."""
        return self.signer_high if side else self.signer_low


@dataclass(frozen=True, slots=True)
class AssetSplit:
    """One asset of a state; `low + high == net_low + net_high`."""

    net_low: int
    net_high: int
    low: int
    high: int
    out_low: int = 0
    out_high: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """A promise that decides the split at the end; the high side gets total - alternative."""

    kind: int = ConditionKind.NONE
    ref: bytes = ZERO_WORD
    expiry: int = 0
    alt_low: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ClearingState:
    """The co-signed state of a channel. `intent` stays an int: a state may carry an unknown one."""

    channel_id: bytes
    epoch: int
    version: int
    intent: int
    splits: tuple[AssetSplit, ...]
    condition: Condition = Condition()
    liabilities_root: bytes = ZERO_WORD
    risk_hash: bytes = ZERO_WORD
    signed_at: int = 0
    valid_until: int = 0


@dataclass(frozen=True, slots=True)
class Leg:
    """One movement of a settlement."""

    token: Address
    from_low: bool
    amount: int

    @property
    def payer(self) -> Side:
        """The side that delivers."""
        return Side.LOW if self.from_low else Side.HIGH


@dataclass(frozen=True, slots=True)
class SettlementOrder:
    """Delivery versus payment: all legs or none."""

    channel_id: bytes
    epoch: int
    version: int
    fund_by: int
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class ChallengeIntent:
    """Lets anybody start a challenge with exactly this state; signed by either signer."""

    channel_id: bytes
    epoch: int
    version: int
    state_digest: bytes


@dataclass(frozen=True, slots=True)
class WithdrawAuth:
    """Lets anybody withdraw exactly this; signed by `account`, never by a channel signer."""

    account: Address
    token: Address
    to: Address
    amount: int
    nonce: int
    valid_until: int


@dataclass(frozen=True, slots=True)
class AssetFunding:
    """`Opened`: what each side put into one asset, and what of it came from its allowance."""

    token: Address
    net_low: int
    net_high: int
    pulled_low: int
    pulled_high: int


@dataclass(frozen=True, slots=True)
class AssetAmounts:
    """A pair of amounts of one asset, in the order of the definition."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class AssetPayout:
    """What a cooperative end paid of one asset: to the ledgers, and to the brokers' addresses."""

    credited_low: int
    credited_high: int
    sent_low: int
    sent_high: int


@dataclass(frozen=True, slots=True)
class IdentifiedDef:
    """A definition with its hash."""

    definition: ChannelDef
    channel_id: bytes


@dataclass(frozen=True, slots=True)
class HashedState:
    """A state with its hash, as `finalize` takes it."""

    state: ClearingState
    state_hash: bytes


@dataclass(frozen=True, slots=True)
class SignedState:
    """A state with its hash, and whether each signature is its signer's over exactly this state."""

    state: ClearingState
    state_hash: bytes
    low_signed: bool = True
    high_signed: bool = True


@dataclass(frozen=True, slots=True)
class HashedOrder:
    """An order with its hash."""

    order: SettlementOrder
    order_hash: bytes


@dataclass(frozen=True, slots=True)
class Params:
    """What the contract's constructor fixes for ever, its own address and chain with it."""

    chain_id: int
    adjudicator: Address
    timelock: Address
    guardian: Address
    min_challenge: int
    max_challenge: int
    grace: int
