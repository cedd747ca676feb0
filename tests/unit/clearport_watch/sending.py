"""What the outbox's tests share: a store in memory, a fuse that kills, and a way to drain."""

from collections.abc import Sequence
from typing import Any

from eth_account import Account

from clearing.chain.contract import as_text
from clearing.chain.node import HttpNode
from clearing.clearport.ports import Intent, IntentStatus
from clearing.clearport.watch.bench import OutboxPolicy
from clearing.clearport.watch.encode import intent_of
from clearing.clearport.watch.finality import Finality
from clearing.clearport.watch.outbox import ChainOutbox
from clearing.demo.stage import Stage, secret_of

ETHER_WEI = 10**18


class Killed(BaseException):
    """The process ends here."""


class Fuse:
    """Kills at the n-th call that leaves the process, before or after it has its effect."""

    def __init__(self, kill_at: int | None = None, *, is_after: bool = False) -> None:
        self.kill_at = kill_at
        self.is_after = is_after
        self.calls: list[str] = []

    def before(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) == self.kill_at and not self.is_after:
            raise Killed(name)

    def after(self, name: str) -> None:
        if len(self.calls) == self.kill_at and self.is_after:
            raise Killed(name)


class MemoryIntents:
    """The store's part for the outbox; what it has taken outlives any kill."""

    def __init__(self) -> None:
        self.items: dict[str, tuple[Intent, IntentStatus]] = {}
        self.facts: dict[str, bytes] = {}
        self.history: list[IntentStatus] = []
        self.fuse = Fuse()

    def want(self, *intents: Intent) -> None:
        for intent in intents:
            status = IntentStatus(intent.key, intent.what, "queued")
            self.items.setdefault(intent.key, (intent, status))

    def status(self, key: str) -> IntentStatus:
        return self.items[key][1]

    def states(self) -> list[str]:
        return [status.state for _, status in self.items.values()]

    async def intents(self, states: Sequence[str]) -> tuple[tuple[Intent, IntentStatus], ...]:
        return tuple(item for item in self.items.values() if item[1].state in states)

    async def set_intent_status(self, status: IntentStatus) -> None:
        self.fuse.before(f"status {status.state}")
        self.items[status.key] = (self.items[status.key][0], status)
        self.history.append(status)
        self.fuse.after(f"status {status.state}")

    async def fact(self, name: str) -> bytes | None:
        return self.facts.get(name)

    async def put_fact(self, name: str, value: bytes) -> None:
        self.fuse.before("fact")
        self.facts[name] = value
        self.fuse.after("fact")


class FusedNode:
    """The node, whose sending may kill; `declines` are words for the next sendings."""

    def __init__(self, inner: HttpNode, fuse: Fuse) -> None:
        self.inner = inner
        self.fuse = fuse
        self.sent: list[bytes] = []
        self.is_deaf = False

    def request(self, method: str, params: Sequence[Any]) -> Any:
        if method != "eth_sendRawTransaction":
            return self.inner.request(method, params)
        self.fuse.before("send")
        raw = bytes.fromhex(params[0][2:])
        self.sent.append(raw)
        answer = "0x" if self.is_deaf else self.inner.request(method, params)
        self.fuse.after("send")
        return answer

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        return self.inner.batch(calls)


class StandingClock:
    """Stands until it is pushed."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Sending:
    """The low broker's outbox over one store, begun anew as often as wanted."""

    def __init__(
        self, stage: Stage, *, confirmations: int = 2, replace_after_s: float = 30
    ) -> None:
        self.stage = stage
        self.store = MemoryIntents()
        self.node = FusedNode(stage.anvil.node, self.store.fuse)
        self.clock = StandingClock()
        self.key = Account.from_key(_secret(stage))
        self.policy = OutboxPolicy(
            final_at=Finality("", confirmations),
            poll_s=0.01,
            replace_after_s=replace_after_s,
            repeat_after_s=10,
            receipt_lag_s=20,
        )

    def begin(self) -> ChainOutbox:
        return ChainOutbox(
            self.node,
            self.key,
            self.stage.contracts.adjudicator,
            self.store,
            self.policy,
            clock_s=self.clock,
        )

    async def drain(self, outbox: ChainOutbox, turns: int = 60) -> None:
        """Take turns, with a block after each, until every intent is decided."""
        await outbox.load()
        for _ in range(turns):
            await outbox.turn()
            if set(self.store.states()) <= {"final", "refused"}:
                return
            self.stage.anvil.mine()
        raise AssertionError([status for _, status in self.store.items.values()])

    def fuse(self, kill_at: int | None, *, is_after: bool = False) -> Fuse:
        self.store.fuse = self.node.fuse = Fuse(kill_at, is_after=is_after)
        return self.store.fuse

    def approve(self, key: str, amount_raw: int) -> Intent:
        contracts = self.stage.contracts
        token = contracts.token(contracts.address_of("USDT"))
        return intent_of(key, token.transact("approve", contracts.adjudicator.address, amount_raw))

    def deposit(self, key: str, amount_raw: int) -> Intent:
        contracts = self.stage.contracts
        usdt = contracts.address_of("USDT")
        return intent_of(key, contracts.adjudicator.transact("deposit", usdt, amount_raw))

    def ledger(self) -> int:
        contracts = self.stage.contracts
        return contracts.ledger(self.stage.low.address, contracts.address_of("USDT"))

    def nonce(self) -> int:
        who = as_text(self.stage.low.address)
        return int(self.stage.anvil.node.request("eth_getTransactionCount", [who, "latest"]), 16)

    def set_ether(self, wei: int) -> None:
        self.stage.anvil.give_ether(self.key.address, wei)


def _secret(stage: Stage) -> bytes:
    """Return the key of the low broker's account."""
    labels = (f"broker {index}" for index in range(2))
    secrets = [secret_of(label) for label in labels]
    return next(
        secret
        for secret in secrets
        if Account.from_key(secret).address == as_text(stage.low.address)
    )
