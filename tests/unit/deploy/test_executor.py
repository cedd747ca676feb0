"""A deployment goes on where it stopped, and is the same however often it was stopped."""

from dataclasses import replace

import pytest

from clearing.chain.contract import Call
from clearing.chain.errors import NonceLostError
from clearing.chain.sender import Sender, SendPolicy
from clearing.deploy.checks import holders_of, inspect_deployment
from clearing.deploy.executor import Executor, TooEarlyError, plan_of, wait_by_hand
from clearing.deploy.journal import Journal, JournalError
from clearing.deploy.local import StandIns
from clearing.deploy.stage import key_of, sender_of

QUICK = SendPolicy(poll_s=0.01)


class Killed(BaseException):
    """The process ended here."""


class MortalNode:
    """A node's client whose process ends at its first transaction, before or after it is sent."""

    def __init__(self, node, *, dies_after):
        self.node = node
        self.dies_after = dies_after

    def request(self, method, params):
        if method != "eth_sendRawTransaction":
            return self.node.request(method, params)
        if self.dies_after:
            self.node.request(method, params)
        raise Killed


def executor_of(anvil, parameters, journal, node=None, *, wait=None):
    """Return the next run of a deployment, as a new process would make it."""
    key = key_of("deployer")
    anvil.give_ether(key.address, 10**21)
    node = node or anvil.node
    sender = Sender(node, key, policy=QUICK)
    accounts = {role: key_of(role).address for role in parameters.roles}
    accounts = {role: bytes.fromhex(address[2:]) for role, address in accounts.items()}
    plan = plan_of(node, parameters, sender, journal, accounts)
    (mouth, *_) = anvil.node.request("eth_accounts", [])
    prices = StandIns(anvil, parameters, mouth)
    return Executor(node, sender, plan, journal, parameters, wait or anvil.travel_to, prices)


def without_blocks(made):
    return {role: replace(it, block=0) for role, it in made.contracts.items()}, made.tokens


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "journal.jsonl"


def test_run__killed_at_every_step__the_next_run_finishes_the_same_deployment(
    anvil, parameters, journal
):
    """Each step is reached twice: killed before its transaction is sent, and right after."""
    start = anvil.snapshot()
    whole = executor_of(anvil, parameters, Journal())
    want = without_blocks(whole.run())
    steps = len(whole.costs)
    anvil.revert(start)

    kills, made = 0, None
    while made is None:
        node = MortalNode(anvil.node, dies_after=kills % 2 == 1)
        try:
            made = executor_of(anvil, parameters, Journal(journal), node).run()
        except Killed:
            kills += 1

    assert kills == 2 * steps
    assert without_blocks(made) == want
    assert [it for it in inspect_deployment(anvil.node, parameters, made) if it.problem] == []
    for role, it in made.contracts.items():
        assert anvil.node.request("eth_getCode", [it.address, hex(it.block)]) != "0x", role
        assert anvil.node.request("eth_getCode", [it.address, hex(it.block - 1)]) == "0x", role


def test_run__a_second_time__sends_nothing_and_says_the_same(anvil, parameters, journal):
    made = executor_of(anvil, parameters, Journal(journal)).run()

    again = executor_of(
        anvil, parameters, Journal(journal), MortalNode(anvil.node, dies_after=False)
    )

    assert again.run() == made
    assert again.costs == []


def test_run__before_the_timelocks_delay_is_over__says_when_and_goes_on_then(
    anvil, parameters, journal
):
    with pytest.raises(TooEarlyError, match="run the same command again then") as caught:
        executor_of(anvil, parameters, Journal(journal), wait=wait_by_hand).run()
    assert "UTC" in str(caught.value)

    anvil.travel(parameters.protocol.governance.timelock_delay_s.value)
    made = executor_of(anvil, parameters, Journal(journal), wait=wait_by_hand).run()

    deployer = sender_of(anvil, "deployer").address
    assert all(deployer not in held for held in holders_of(anvil.node, made).values())


def test_run__something_else_was_sent_in_between__is_refused(anvil, parameters, journal):
    with pytest.raises(Killed):
        executor_of(
            anvil, parameters, Journal(journal), MortalNode(anvil.node, dies_after=False)
        ).run()
    start = anvil.snapshot()
    executor_of(anvil, parameters, Journal(journal)).run()
    anvil.revert(start)
    sender = sender_of(anvil, "deployer")
    sender.send(Call(sender.address, b"", "something else"))

    with pytest.raises(NonceLostError, match="something else was sent from it"):
        executor_of(anvil, parameters, Journal(journal)).run()


def test_run__another_contract_under_our_nonce__is_refused(anvil, parameters, journal):
    """Its address is ours, its code is not."""
    with pytest.raises(Killed):
        executor_of(
            anvil, parameters, Journal(journal), MortalNode(anvil.node, dies_after=False)
        ).run()
    sender_of(anvil, "deployer").send(Call(None, bytes.fromhex("60015f5360015ff3"), "another"))

    with pytest.raises(NonceLostError, match="deploy Yellow"):
        executor_of(anvil, parameters, Journal(journal)).run()


def test_plan_of__other_parameters_than_the_journal_remembers__is_refused(
    anvil, parameters, journal
):
    with pytest.raises(Killed):
        executor_of(
            anvil, parameters, Journal(journal), MortalNode(anvil.node, dies_after=False)
        ).run()
    longer = parameters.grace_s.model_copy(update={"value": 2 * 86_400})
    other = parameters.model_copy(update={"grace_s": longer})

    with pytest.raises(JournalError, match="of other contracts or parameters"):
        executor_of(anvil, other, Journal(journal))
    executor_of(anvil, parameters, Journal(journal))


def test_journal__its_last_line_is_torn__is_passed_over(anvil, parameters, journal):
    with pytest.raises(Killed):
        executor_of(
            anvil, parameters, Journal(journal), MortalNode(anvil.node, dies_after=False)
        ).run()
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"step": "deploy Prot')

    made = executor_of(anvil, parameters, Journal(journal)).run()

    assert [it for it in inspect_deployment(anvil.node, parameters, made) if it.problem] == []
    assert whole in journal.read_bytes()
