# pragma version 0.4.3
"""
@title Broker registry: who may open clearing channels, how many, and under which key
@custom:security-contact See SECURITY.md
@license MIT
@notice See IBrokerRegistry.vyi, the documentation of record.
@dev Everything `take_slots` needs of a broker is one storage word:

         bit 255 ... 224 | 223 ... 192 | 191 ... 160 | 159 ... 0
               0         | used slots  | granted     | signer

     so that opening a channel reads and writes one slot for each broker.
     No event for slots: the Adjudicator's events carry the same facts.
@custom:halt Nothing halts it: nobody but the broker moves its stake. If the
     Adjudicator refuses openings, staking, unstaking and signers go on.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IBrokerRegistry

implements: IBrokerRegistry

LOT: constant(uint256) = 250_000 * 10**18  # raw YELLOW
SLOTS_PER_LOT: constant(uint256) = 4
UNSTAKE_DELAY: constant(uint256) = 30 * 86_400  # seconds

GRANTED_SHIFT: constant(uint256) = 160
USED_SHIFT: constant(uint256) = 192
SIGNER_MASK: constant(uint256) = 2**160 - 1
SLOTS_MASK: constant(uint256) = 2**32 - 1
GRANTED_MASK: constant(uint256) = SLOTS_MASK * 2**160
ONE_USED: constant(uint256) = 2**192

TAKEN: constant(uint256) = 0
OTHER_SIGNER_LOW: constant(uint256) = 1
OTHER_SIGNER_HIGH: constant(uint256) = 2
NO_SLOT_LOW: constant(uint256) = 3
NO_SLOT_HIGH: constant(uint256) = 4

yellow: public(immutable(address))
adjudicator: public(immutable(address))


struct Unstake:
    amount: uint256  # raw YELLOW; 0 = nothing pending
    available_at: uint256  # Unix seconds


stake_of: public(HashMap[address, uint256])
_seats: HashMap[address, uint256]
_unstakes: HashMap[address, Unstake]


@deploy
def __init__(yellow_: address, adjudicator_: address):
    """
    @param yellow_ The staked token; an OpenZeppelin ERC-20 with code.
    @param adjudicator_ The contract that takes slots. It is deployed after
           this one, so its address is predicted and has no code yet.
    """
    assert yellow_.is_contract, "registry: yellow has no code"
    assert adjudicator_ != empty(address), "registry: zero adjudicator"

    yellow = yellow_
    adjudicator = adjudicator_


# STAKE


@external
@nonreentrant
def stake(amount: uint256):
    """
    @notice Add `amount` to the caller's active stake, pulled from its allowance.
    @param amount Raw YELLOW units, more than 0.
    """
    assert amount > 0, "registry: zero amount"

    active: uint256 = self.stake_of[msg.sender] + amount
    slots: uint256 = self._set_stake(msg.sender, active)
    log IBrokerRegistry.Staked(broker=msg.sender, amount=amount, stake=active, slots=slots)

    pulled: bool = extcall IERC20(yellow).transferFrom(msg.sender, self, amount)
    assert pulled, "registry: transfer failed"


@external
@nonreentrant
def request_unstake(amount: uint256):
    """
    @notice Turn `amount` of the caller's active stake into pending stake.
    @param amount Raw YELLOW units, more than 0.
    """
    assert amount > 0, "registry: zero amount"
    assert self._unstakes[msg.sender].amount == 0, "registry: unstake pending"
    active: uint256 = self.stake_of[msg.sender]
    assert amount <= active, "registry: stake too small"

    active -= amount
    slots: uint256 = self._set_stake(msg.sender, active)
    assert (slots >= self._seats[msg.sender] >> USED_SHIFT), "registry: slots in use"
    available_at: uint256 = block.timestamp + UNSTAKE_DELAY
    self._unstakes[msg.sender] = Unstake(amount=amount, available_at=available_at)
    log IBrokerRegistry.UnstakeRequested(
        broker=msg.sender,
        amount=amount,
        stake=active,
        slots=slots,
        available_at=available_at,
    )


@external
@nonreentrant
def cancel_unstake():
    """
    @notice Make the caller's pending stake active again.
    """
    amount: uint256 = self._unstakes[msg.sender].amount
    assert amount > 0, "registry: no unstake"

    self._unstakes[msg.sender] = empty(Unstake)
    active: uint256 = self.stake_of[msg.sender] + amount
    slots: uint256 = self._set_stake(msg.sender, active)
    log IBrokerRegistry.UnstakeCancelled(
        broker=msg.sender, amount=amount, stake=active, slots=slots
    )


@external
@nonreentrant
def complete_unstake():
    """
    @notice Pay the caller's pending stake out to the caller.
    """
    pending: Unstake = self._unstakes[msg.sender]
    assert pending.amount > 0, "registry: no unstake"
    assert block.timestamp >= pending.available_at, "registry: still locked"

    self._unstakes[msg.sender] = empty(Unstake)
    log IBrokerRegistry.Unstaked(broker=msg.sender, amount=pending.amount)

    paid: bool = extcall IERC20(yellow).transfer(msg.sender, pending.amount)
    assert paid, "registry: transfer failed"


# KEYS


@external
@nonreentrant
def set_signer(key: address):
    """
    @notice Name the key that signs the caller's channel states from now on.
    @param key The new signer; not zero.
    """
    assert key != empty(address), "registry: zero signer"
    assert key != msg.sender, "registry: signer is the broker"

    seat: uint256 = self._seats[msg.sender]
    self._seats[msg.sender] = (seat & ~SIGNER_MASK) | convert(key, uint256)
    log IBrokerRegistry.SignerNamed(
        broker=msg.sender, old_signer=self._signer(seat), new_signer=key
    )


# SLOTS


@external
def take_slots(
    broker_low: address,
    signer_low: address,
    broker_high: address,
    signer_high: address,
) -> uint256:
    """
    @notice Take one slot of each broker for a channel that opens.
    @param broker_low One broker of the channel.
    @param signer_low The signer that the channel names for it; not zero.
    @param broker_high The other broker; never equal to `broker_low`.
    @param signer_high The signer that the channel names for it; not zero.
    @return 0 taken · 1 / 2 low / high names another signer · 3 / 4 low / high
            has no free slot.
    """
    assert msg.sender == adjudicator, "registry: only the adjudicator"

    low: uint256 = self._seats[broker_low]
    high: uint256 = self._seats[broker_high]
    if low & SIGNER_MASK != convert(signer_low, uint256):
        return OTHER_SIGNER_LOW
    if high & SIGNER_MASK != convert(signer_high, uint256):
        return OTHER_SIGNER_HIGH
    if low >> USED_SHIFT >= (low >> GRANTED_SHIFT) & SLOTS_MASK:
        return NO_SLOT_LOW
    if high >> USED_SHIFT >= (high >> GRANTED_SHIFT) & SLOTS_MASK:
        return NO_SLOT_HIGH
    # used < granted < 2**32: the sum stays inside the field
    self._seats[broker_low] = unsafe_add(low, ONE_USED)
    self._seats[broker_high] = unsafe_add(high, ONE_USED)
    return TAKEN


@external
def release_slots(broker_low: address, broker_high: address):
    """
    @notice Give back the slots of a channel that has ended.
    @param broker_low One broker of the channel.
    @param broker_high The other broker.
    """
    assert msg.sender == adjudicator, "registry: only the adjudicator"

    # `used` is the top field: releasing what was never taken would underflow
    self._seats[broker_low] -= ONE_USED
    self._seats[broker_high] -= ONE_USED


# VIEWS


@external
@view
def slots_of(broker: address) -> uint256:
    """
    @notice Slots that the active stake of `broker` grants.
    """
    return (self._seats[broker] >> GRANTED_SHIFT) & SLOTS_MASK


@external
@view
def slots_used(broker: address) -> uint256:
    """
    @notice Slots of `broker` that open and challenged channels hold.
    """
    return self._seats[broker] >> USED_SHIFT


@external
@view
def unstake_of(broker: address) -> (uint256, uint256):
    """
    @notice The pending stake of `broker`.
    @return Amount in raw YELLOW units; first second at which it can be taken out.
    """
    pending: Unstake = self._unstakes[broker]
    return pending.amount, pending.available_at


@external
@view
def signer_of(broker: address) -> address:
    """
    @notice The key that `broker` has named; zero before it has named one.
    """
    return self._signer(self._seats[broker])


@external
@view
def signers_of(broker_low: address, broker_high: address) -> (address, address):
    """
    @notice The keys that two brokers have named, in the order asked.
    """
    signer_low: address = self._signer(self._seats[broker_low])
    signer_high: address = self._signer(self._seats[broker_high])
    return signer_low, signer_high


@internal
def _set_stake(broker: address, active: uint256) -> uint256:
    """
    @dev Write the active stake and what it grants; full lots only.
    @return Slots granted.
    """
    slots: uint256 = active // LOT * SLOTS_PER_LOT
    assert slots <= SLOTS_MASK, "registry: too many slots"

    self.stake_of[broker] = active
    seat: uint256 = self._seats[broker]
    self._seats[broker] = (seat & ~GRANTED_MASK) | (slots << GRANTED_SHIFT)
    return slots


@internal
@pure
def _signer(seat: uint256) -> address:
    return convert(seat & SIGNER_MASK, address)
