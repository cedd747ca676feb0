# pragma version 0.4.3
"""
@title Pause guardian: the one hand that pauses, and what it cannot do
@custom:security-contact See SECURITY.md
@license MIT
@notice See IPauseGuardian.vyi, the documentation of record.
@dev It cannot be reconfigured: another owner or target needs another guardian,
     which governed contracts get with their successor.
@custom:halt Nothing halts it; a pause that runs lapses by itself.
"""

from contracts.interfaces import IPauseGuardian

implements: IPauseGuardian


struct Terms:
    kind: uint8
    is_guardian_only: bool
    is_closed: bool
    quorum_bps: uint16
    approval_bps: uint16
    extra_delay: uint24
    code_pin: bytes22


interface Governor:
    def isLive(proposal_id: uint256) -> bool: view
    def termsOf(proposal_id: uint256) -> Terms: view


interface Adjudicator:
    def pauseOpenings(until: uint40): nonpayable


interface Engine:
    def pauseAll(mask: uint8, until: uint40): nonpayable


interface Oracle:
    def pause(feed: bytes16, until: uint40): nonpayable


# Seconds.
PAUSE_MAX: constant(uint256) = 72 * 3_600
PAUSE_GAP: constant(uint256) = 7 * 86_400
TOTAL_MAX: constant(uint256) = 19 * 86_400

OPENINGS: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000001
TRADING: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000002
FEED_REST: constant(uint256) = 2**128 - 1  # the bits of a scope that no feed uses

TRADING_MASK: constant(uint8) = 1 | 16  # openings and settlements, as the engine numbers them
UPGRADE: constant(uint8) = 4

# Where abi.encode(address[], uint256[], bytes[], bytes32) has the length of its
# first list: behind the four words of its head.
TARGETS_AT: constant(uint256) = 4 * 32
ENCODED_MAX: constant(uint256) = 16_384

owner: public(immutable(address))
governor: public(immutable(address))
adjudicator: public(immutable(address))
engine: public(immutable(address))
oracle: public(immutable(address))

began_at: public(HashMap[bytes32, uint256])
ends_at: public(HashMap[bytes32, uint256])


@deploy
def __init__(
    owner_: address,
    governor_: address,
    adjudicator_: address,
    engine_: address,
    oracle_: address,
):
    """
    @param owner_ The account that pauses; a multi-signature wallet.
    @param governor_ The governor. It and the targets may still have no code.
    @param adjudicator_ The contract of scope 1.
    @param engine_ The contract of scope 2.
    @param oracle_ The contract of feeds.
    """
    for role: address in [owner_, governor_, adjudicator_, engine_, oracle_]:
        assert role != empty(address), "pause: zero address"

    owner = owner_
    governor = governor_
    adjudicator = adjudicator_
    engine = engine_
    oracle = oracle_


# GUARD


@external
def pause(scope: bytes32, duration: uint256):
    """
    @notice Pause a scope. Only the owner.
    @param scope See IPauseGuardian.
    @param duration Seconds, at least 1 and at most 72 hours.
    """
    assert msg.sender == owner, "pause: not the owner"
    assert duration > 0 and duration <= PAUSE_MAX, "pause: bad duration"
    assert self._is_scope(scope), "pause: bad scope"
    assert block.timestamp >= self._can_pause_at(scope), "pause: too soon"

    until: uint256 = block.timestamp + duration
    self.began_at[scope] = block.timestamp
    self.ends_at[scope] = until
    log IPauseGuardian.Paused(scope=scope, until=until)

    self._stop(scope, until)


@external
def extend(scope: bytes32, proposal: Bytes[ENCODED_MAX], action: uint256):
    """
    @notice Let a running pause end 72 hours from now, or 19 days after it
            began if that is earlier. Only the owner.
    @param scope See IPauseGuardian.
    @param proposal abi.encode(targets, values, calldatas, descriptionHash).
    @param action Which of its actions, from 0, is on the scope.
    """
    assert msg.sender == owner, "pause: not the owner"
    assert scope != OPENINGS, "pause: cannot be extended"
    assert block.timestamp < self.ends_at[scope], "pause: not running"
    proposal_id: uint256 = convert(keccak256(proposal), uint256)
    assert self._is_live_upgrade(proposal_id), "pause: no live upgrade"
    # `proposal` hashes to an id that the governor has made by abi.encode, so its
    # first list is where abi.encode puts it.
    count: uint256 = convert(extract32(proposal, TARGETS_AT), uint256)
    assert action < count, "pause: acts on something else"
    target: address = extract32(proposal, TARGETS_AT + 32 * (1 + action), output_type=address)
    assert self._mends(scope, target), "pause: acts on something else"
    last: uint256 = self.began_at[scope] + TOTAL_MAX
    until: uint256 = min(block.timestamp + PAUSE_MAX, last)
    assert until > self.ends_at[scope], "pause: no later end"

    self.ends_at[scope] = until
    log IPauseGuardian.Extended(scope=scope, until=until, proposal_id=proposal_id)

    self._stop(scope, until)


# VIEWS


@external
@view
def can_pause_at(scope: bytes32) -> uint256:
    """
    @notice The first second at which a scope can be paused anew; 0: always.
    @param scope See IPauseGuardian.
    """
    return self._can_pause_at(scope)


# INTERNALS


@internal
@view
def _can_pause_at(scope: bytes32) -> uint256:
    ends: uint256 = self.ends_at[scope]
    return 0 if ends == 0 else ends + PAUSE_GAP


@internal
@pure
def _is_scope(scope: bytes32) -> bool:
    """
    @dev A feed's id is never zero, so a feed is never scope 1 or 2.
    """
    if scope in [OPENINGS, TRADING]:
        return True
    return scope != empty(bytes32) and convert(scope, uint256) & FEED_REST == 0


@internal
@view
def _is_live_upgrade(proposal_id: uint256) -> bool:
    """
    @dev A governor that knows no such proposal reverts in isLive: so its kind
         is asked first.
    """
    terms: Terms = staticcall Governor(governor).termsOf(proposal_id)
    return terms.kind == UPGRADE and staticcall Governor(governor).isLive(proposal_id)


@internal
@view
def _mends(scope: bytes32, target: address) -> bool:
    """
    @dev The engine can name another oracle, so it mends feeds as well.
    """
    return target == engine or (scope != TRADING and target == oracle)


@internal
def _stop(scope: bytes32, until: uint256):
    """
    @dev The target clamps `until` to 72 hours again. At most 2^40 seconds.
    """
    end: uint40 = convert(until, uint40)
    if scope == OPENINGS:
        extcall Adjudicator(adjudicator).pauseOpenings(end)
    elif scope == TRADING:
        extcall Engine(engine).pauseAll(TRADING_MASK, end)
    else:
        extcall Oracle(oracle).pause(convert(slice(scope, 0, 16), bytes16), end)
