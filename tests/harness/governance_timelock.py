"""The timelock, and what the calls that it makes do: a model beside the contracts."""

from __future__ import annotations

from typing import Final

from clearing.spec.errors import SpecError
from clearing.spec.types import ZERO_ADDRESS
from clearing.spec.units import Address
from tests.harness.governance_draft import Draft
from tests.harness.governance_stage import CODES
from tests.harness.governance_state import (
    ADMIN,
    CANCELLER,
    DONE,
    EXECUTOR,
    PROPOSER,
    GovernanceState,
)

__all__ = ["TimelockRules"]

READY, UNSET, PENDING = 1 << 2, 1 << 0, (1 << 1) | (1 << 2)
"""States of an operation of the timelock, as its errors name them."""
DESIGNATOR: Final = CODES[3]
CAP_MAX: Final = 2**127 - 1


class TimelockRules(GovernanceState):
    """Operations that wait, and targets of proposals."""

    # THE TIMELOCK

    def schedule(self, sender: Address, draft: Draft, delay: int) -> None:
        """Let an operation wait."""
        self._require_role(PROPOSER, sender)
        if self.operations.get(draft.operation, 0):
            raise _unexpected(draft.operation, UNSET)
        if delay < self.min_delay:
            raise SpecError("TimelockInsufficientDelay", delay, self.min_delay)
        self.put(self.operations, draft.operation, self.now + delay)
        for at, action in enumerate(draft.actions):
            row = (action.target, action.value, action.data, bytes(32), delay)
            self.tell(self.timelock, "CallScheduled", draft.operation, at, *row)
        self.tell(self.timelock, "CallSalt", draft.operation, draft.salt)

    def cancel_operation(self, sender: Address, operation: bytes) -> None:
        """Forget an operation."""
        self._require_role(CANCELLER, sender)
        if self.operations.get(operation, 0) <= DONE:
            raise _unexpected(operation, PENDING)
        self.put(self.operations, operation, 0)
        self.tell(self.timelock, "Cancelled", operation)

    def run_batch(self, sender: Address, draft: Draft, value: int = 0) -> None:
        """Make the calls of an operation."""
        self._require_role(EXECUTOR, sender)
        self._require_ready(draft.operation)
        self.put(self.ether, self.timelock, self.ether.get(self.timelock, 0) + value)
        for at, action in enumerate(draft.actions):
            self.run(self.timelock, action.target, action.value, action.data)
            row = (action.target, action.value, action.data)
            self.tell(self.timelock, "CallExecuted", draft.operation, at, *row)
        self._require_ready(draft.operation)
        self.put(self.operations, draft.operation, DONE)

    def update_delay(self, sender: Address, delay: int) -> None:
        """Set the delay, which counts within its bounds."""
        if sender != self.timelock:
            raise SpecError("TimelockUnauthorizedCaller", sender)
        self.tell(self.timelock, "MinDelayChange", self.cells["delay"], delay)
        self.put(self.cells, "delay", delay)

    def set_role(self, sender: Address, role: bytes, account: Address, *, is_given: bool) -> None:
        """Give a role, or take it."""
        self._require_role(ADMIN, sender)
        if self.roles.get((role, account), False) != is_given:
            self.put(self.roles, (role, account), is_given)
            event = "RoleGranted" if is_given else "RoleRevoked"
            self.tell(self.timelock, event, role, account, sender)

    def _require_role(self, role: bytes, sender: Address) -> None:
        if not self.roles.get((role, sender), False):
            raise SpecError("AccessControlUnauthorizedAccount", sender, role)

    def _require_ready(self, operation: bytes) -> None:
        stamp = self.operations.get(operation, 0)
        if stamp <= DONE or stamp > self.now:
            raise _unexpected(operation, READY)

    # WHAT PROPOSALS CALL

    def run(self, sender: Address, target: Address, value: int, data: bytes) -> None:
        """Make one call."""
        held = self.ether.get(sender, 0)
        if held < value:
            raise SpecError("FailedCall")
        if meaning := self.calls.get((target, data)):
            if value:
                raise SpecError("FailedCall")
            meaning(sender)
        elif target == self.stage.shape and self.shape_code == DESIGNATOR:
            raise SpecError("FailedCall")  # this chain is older than EIP-7702
        elif target == self.governor and not data:
            raise SpecError("GovernorDisabledDeposit")
        elif target in self._hashes and not (target == self.timelock and not data):
            raise SpecError("FailedCall")
        self.put(self.ether, sender, held - value)
        self.put(self.ether, target, self.ether.get(target, 0) + value)

    def mint(self, _sender: Address, to: Address, raw: int) -> None:
        """Make some of the target's token."""
        self.put(self.balances, to, self.balances.get(to, 0) + raw)
        self.tell(self.address("target"), "Transfer", ZERO_ADDRESS, to, raw)

    def send_target(self, sender: Address, to: Address, raw: int) -> None:
        """Move some of the target's token."""
        held = self.balances.get(sender, 0)
        if held < raw:
            raise SpecError("ERC20InsufficientBalance", sender, held, raw)
        self.put(self.balances, sender, held - raw)
        self.put(self.balances, to, self.balances.get(to, 0) + raw)
        self.tell(self.address("target"), "Transfer", sender, to, raw)

    def approve(self, sender: Address, spender: Address, raw: int) -> None:
        """Let somebody move some of the target's token."""
        self.tell(self.address("target"), "Approval", sender, spender, raw)

    def set_module(self, sender: Address, role: int, module: Address) -> None:
        """Change one of the engine's modules."""
        if sender != self.timelock:
            raise SpecError("NotTimelock", sender)
        if role == 0:
            raise SpecError("BadParameter", "role")
        if module != ZERO_ADDRESS and module in self.modules.values():
            raise SpecError("BadParameter", "module")
        old = self.modules.get(role, ZERO_ADDRESS)
        self.put(self.modules, role, module)
        self.tell(self.address("engine"), "ModuleChanged", role, old, module)

    def raise_cap(self, sender: Address, token: Address, cap: int) -> None:
        """Raise the launch cap of a token of the channels."""
        if sender != self.timelock:
            raise SpecError("NotTimelock", sender)
        old = self.caps.get(token, 0)
        if token not in self._hashes:
            raise SpecError("NoCode", token)
        if cap <= old:
            raise SpecError("CapNotRaised", token, old, cap)
        if cap > CAP_MAX:
            raise SpecError("CapTooHigh", token, cap)
        self.put(self.caps, token, cap)
        self.tell(self.address("adjudicator"), "CapRaised", token, old, cap)


def _unexpected(operation: bytes, allowed: int) -> SpecError:
    return SpecError("TimelockUnexpectedOperationState", operation, allowed.to_bytes(32, "big"))
