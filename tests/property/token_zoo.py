"""Mock tokens on revm whose manners change, and what each payment with them must come to.

`TokenZoo` foretells: the numbers are derived here from what each mock is documented to do, never
read from the contract under test.
"""

from __future__ import annotations

from typing import Final

from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness.contract import Contract
from tests.harness.revm import Revm

__all__ = ["ETH", "HOSTILE_MODES", "TokenZoo"]

ETH: Final = ZERO_ADDRESS
BPS: Final = 10_000
CONSTRUCTORS: Final = {
    "MockERC20": (18,),
    "NoReturnToken": (6,),
    "FalseReturningToken": (18,),
    "BlocklistToken": (6,),
    "FeeOnTransferToken": (8, 0),
    "LyingToken": (0,),
    "ReturnBombToken": (18,),
}
HOSTILE_MODES: Final = (0, 1, 2, 3)
"""The modes of ReturnBombToken and of HostileAccount: honest first, the third and fourth fail."""
BOMBS_THAT_FAIL: Final = (2, 3)


class TokenZoo:
    """One token of each kind, an account that may refuse ether, and their manners now."""

    def __init__(self, chain: Revm, deployer: Address) -> None:
        self._deployer = deployer
        self.account = chain.deploy("HostileAccount", sender=deployer)
        self.by_name: dict[str, Contract] = {
            name: chain.deploy(name, name, "ZOO", *rest, sender=deployer)
            for name, rest in CONSTRUCTORS.items()
        }
        self._name_of = {token.address: name for name, token in self.by_name.items()}
        self.forget()

    def forget(self) -> None:
        """Return to the manners that all have when they are deployed."""
        self._failing = False
        self._blocked: frozenset[Address] = frozenset()
        self._fee_bps = 0
        self._bomb = 0
        self._refusal = 0

    @property
    def tokens(self) -> tuple[Address, ...]:
        """Every token, ether first."""
        return (ETH, *self._name_of)

    # MANNERS

    def answer_false(self, *, failing: bool) -> None:
        """Let FalseReturningToken fail, or not."""
        self.by_name["FalseReturningToken"].send("setFailing", failing, sender=self._deployer)
        self._failing = failing

    def block(self, party: Address, *, blocked: bool) -> None:
        """Let BlocklistToken refuse transfers from and to a party, or not."""
        self.by_name["BlocklistToken"].send("setBlocked", party, blocked, sender=self._deployer)
        self._blocked = self._blocked | {party} if blocked else self._blocked - {party}

    def take_fee(self, bps: int) -> None:
        """Let FeeOnTransferToken keep a part of what it moves."""
        self.by_name["FeeOnTransferToken"].send("setFeeBps", bps, sender=self._deployer)
        self._fee_bps = bps

    def attack(self, mode: int) -> None:
        """Let ReturnBombToken answer hugely, revert hugely or burn all gas."""
        self.by_name["ReturnBombToken"].send("setMode", mode, sender=self._deployer)
        self._bomb = mode

    def refuse_ether(self, mode: int) -> None:
        """Let the account take ether, revert, revert hugely or burn all gas."""
        self.account.send("setMode", mode, sender=self._deployer)
        self._refusal = mode

    def behave(self) -> None:
        """Let all be honest again, but for a token that always lies."""
        self.answer_false(failing=False)
        for party in self._blocked:
            self.block(party, blocked=False)
        self.take_fee(0)
        self.attack(0)
        self.refuse_ether(0)

    # WHAT COMES OF A PAYMENT

    def pulled(self, token: Address, owner: Address, to: Address, amount: int) -> int | None:
        """Return what arrives of a `transferFrom` that its owner can pay; None: it fails."""
        if token == ETH:
            return amount
        if self._fails(token, owner, to):
            return None
        return amount - self.fee(token, amount)

    def arrives(self, token: Address, holder: Address, to: Address) -> bool:
        """Say whether a payment by the holder succeeds, as the standard tells success."""
        if token == ETH:
            return to != self.account.address or self._refusal == 0
        return not self._fails(token, holder, to) and self._name_of[token] != "LyingToken"

    def fee(self, token: Address, amount: int) -> int:
        """Return what the token keeps of an amount, rounded down."""
        if self._name_of.get(token) != "FeeOnTransferToken":
            return 0
        return amount * self._fee_bps // BPS

    def accepts_mint(self, token: Address, to: Address) -> bool:
        """Say whether tokens can be created for an account."""
        return self._name_of[token] != "BlocklistToken" or to not in self._blocked

    def _fails(self, token: Address, owner: Address, to: Address) -> bool:
        match self._name_of[token]:
            case "FalseReturningToken":
                return self._failing
            case "BlocklistToken":
                return bool(self._blocked & {owner, to})
            case "ReturnBombToken":
                return self._bomb in BOMBS_THAT_FAIL
            case _:
                return False
