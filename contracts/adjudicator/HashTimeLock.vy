# pragma version 0.4.3
"""
@title Hash time lock: one leg of a swap whose other leg is on another chain
@custom:security-contact See SECURITY.md
@license MIT
@notice See IHashTimeLock.vyi, the documentation of record.
@dev One storage word for each live lock, zero again at its end: the gas given
     back for that keeps claim and refund cheap. An ended id can never live
     again: it contains the block of its lock, within which no claim is taken,
     and after a refund the same timelock is in the past
     (docs/adr/0003-hash-time-lock-takes-the-lock.md).
     Whatever a token or a receiver does when it is paid, a lock ends: the
     payment has bounded gas, its answer bounded size, and one that fails is
     undone and becomes a credit.
@custom:halt Nothing halts it and nobody owns it.
"""

from ethereum.ercs import IERC20

from contracts.interfaces import IHashTimeLock

implements: IHashTimeLock


# What a receiver or token may burn when it is paid. Proxied stablecoins use
# less than 70_000, lending-pool tokens less than 200_000.
PUSH_GAS: constant(uint256) = 250_000

# Gas that must be left before a payment, so that PUSH_GAS really reaches the
# token (two calls, each passing on 63/64 of what is left) and a credit can be
# written after all of it has burnt (22_100 for a fresh slot, 2_400 of events).
MIN_GAS: constant(uint256) = PUSH_GAS + 60_000

is_locked: public(HashMap[bytes32, bool])
credit_of: public(HashMap[address, HashMap[address, uint256]])


# LOCK


@external
@payable
@nonreentrant
def lock(
    receiver: address,
    token: address,
    amount: uint256,
    hashlock: bytes32,
    timelock: uint256,
) -> bytes32:
    """
    @notice Lock the caller's ETH or tokens.
    @param receiver Who is paid when the preimage is shown in time.
    @param token An ERC-20 pulled from the caller's allowance; zero for ETH.
    @param amount Raw token units or wei, more than 0.
    @param hashlock sha256 of the secret 32-byte preimage.
    @param timelock Unix second, later than now.
    @return The id of the lock.
    """
    assert receiver not in [empty(address), self], "htlc: bad receiver"
    assert amount > 0, "htlc: zero amount"
    assert hashlock != empty(bytes32), "htlc: zero hashlock"
    assert timelock > block.timestamp, "htlc: timelock passed"
    assert msg.value == (amount if token == empty(address) else 0), "htlc: wrong value"

    terms: IHashTimeLock.Lock = IHashTimeLock.Lock(
        sender=msg.sender,
        receiver=receiver,
        token=token,
        amount=amount,
        hashlock=hashlock,
        timelock=timelock,
        locked_in=block.number,
    )
    id: bytes32 = self._lock_id(terms)
    assert not self.is_locked[id], "htlc: already locked"

    self.is_locked[id] = True
    log IHashTimeLock.Locked(
        id=id,
        sender=msg.sender,
        receiver=receiver,
        token=token,
        amount=amount,
        hashlock=hashlock,
        timelock=timelock,
        locked_in=block.number,
    )

    if token != empty(address):
        self._pull(token, amount)
    return id


# END


@external
@nonreentrant
def claim(terms: IHashTimeLock.Lock, preimage: bytes32):
    """
    @notice Show the preimage in time and pay the receiver. Anyone may.
    @param terms The lock as the event Locked has published it.
    @param preimage The 32 bytes whose sha256 is `terms.hashlock`.
    """
    id: bytes32 = self._lock_id(terms)
    assert self.is_locked[id], "htlc: not locked"
    # a twin of this lock, made later in its block, would have its id
    assert block.number > terms.locked_in, "htlc: same block"
    assert block.timestamp < terms.timelock, "htlc: too late"
    assert sha256(preimage) == terms.hashlock, "htlc: wrong preimage"

    self.is_locked[id] = False
    log IHashTimeLock.Claimed(id=id, preimage=preimage)
    self._pay_or_credit(id, terms.token, terms.receiver, terms.amount)


@external
@nonreentrant
def refund(terms: IHashTimeLock.Lock):
    """
    @notice Pay the sender back once the time is over. Anyone may.
    @param terms The lock as the event Locked has published it.
    """
    id: bytes32 = self._lock_id(terms)
    assert self.is_locked[id], "htlc: not locked"
    assert block.timestamp >= terms.timelock, "htlc: too early"

    self.is_locked[id] = False
    log IHashTimeLock.Refunded(id=id)
    self._pay_or_credit(id, terms.token, terms.sender, terms.amount)


@external
@nonreentrant
def collect(token: address, to: address) -> uint256:
    """
    @notice Send the caller's whole credit in `token` to `to`.
    @param token The ERC-20; zero for ETH.
    @param to Not zero, not this contract.
    @return The amount sent, raw token units or wei.
    """
    assert to not in [empty(address), self], "htlc: bad receiver"
    amount: uint256 = self.credit_of[msg.sender][token]
    assert amount > 0, "htlc: no credit"

    self.credit_of[msg.sender][token] = 0
    log IHashTimeLock.Collected(account=msg.sender, token=token, to=to, amount=amount)
    # neither gas nor answer needs a bound: the revert undoes all of it
    if token == empty(address):
        assert raw_call(
            to, b"", value=amount, max_outsize=0, revert_on_failure=False
        ), "htlc: transfer failed"
    else:
        self._push(token, to, amount, msg.gas)
    return amount


@external
def push_token(token: address, to: address, amount: uint256):
    """
    @notice Only this contract, to itself: send tokens or revert.
    @dev A frame of its own, so that the revert undoes what a token has moved
         before it answered false; with a credit on top it would pay twice.
    @param token The ERC-20.
    @param to Who gets them.
    @param amount Raw token units.
    """
    assert msg.sender == self, "htlc: only itself"
    self._push(token, to, amount, PUSH_GAS)


# VIEWS


@external
@view
def lock_id(terms: IHashTimeLock.Lock) -> bytes32:
    """
    @notice The id of a lock with these fields in this contract.
    """
    return self._lock_id(terms)


@internal
@view
def _lock_id(terms: IHashTimeLock.Lock) -> bytes32:
    return keccak256(abi_encode(self, terms))


@internal
def _pull(token: address, amount: uint256):
    """
    @dev Take `amount` of the caller's tokens, to the unit.
    """
    assert token.is_contract, "htlc: token has no code"

    before: uint256 = staticcall IERC20(token).balanceOf(self)
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        token,
        abi_encode(
            msg.sender,
            self,
            amount,
            method_id=method_id("transferFrom(address,address,uint256)"),
        ),
        max_outsize=32,
        revert_on_failure=False,
    )
    assert success and self._says_yes(token, answer), "htlc: transfer failed"

    held: uint256 = staticcall IERC20(token).balanceOf(self)
    assert held >= before and held - before == amount, "htlc: inexact transfer"


@internal
def _pay_or_credit(id: bytes32, token: address, to: address, amount: uint256):
    """
    @dev Pay with bounded gas; what fails becomes a credit of `to`. The bound
         is met whoever calls: nobody can force a credit by a low gas limit.
    """
    assert msg.gas >= MIN_GAS, "htlc: gas limit too low"

    paid: bool = False
    if token == empty(address):
        paid = raw_call(
            to,
            b"",
            value=amount,
            gas=PUSH_GAS,
            max_outsize=0,
            revert_on_failure=False,
        )
    else:
        paid = raw_call(
            self,
            abi_encode(
                token,
                to,
                amount,
                method_id=method_id("push_token(address,address,uint256)"),
            ),
            max_outsize=0,
            revert_on_failure=False,
        )

    if not paid:
        self.credit_of[to][token] += amount
        log IHashTimeLock.Credited(id=id, account=to, token=token, amount=amount)


@internal
def _push(token: address, to: address, amount: uint256, gas_limit: uint256):
    """
    @dev Send tokens or revert.
    """
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        token,
        abi_encode(to, amount, method_id=method_id("transfer(address,uint256)")),
        gas=gas_limit,
        max_outsize=32,
        revert_on_failure=False,
    )
    assert success and self._says_yes(token, answer), "htlc: transfer failed"


@internal
@view
def _says_yes(token: address, answer: Bytes[32]) -> bool:
    """
    @dev A token agrees by the word 1, or, as USDT, by no answer at all; then
         it must have code, since calling an empty account succeeds as well.
    """
    if len(answer) == 0:
        return token.is_contract
    return len(answer) == 32 and convert(answer, uint256) == 1
