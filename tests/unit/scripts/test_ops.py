"""`ape run ops`: what the pausing wallet has to confirm."""

from clearing.channel.keccak import keccak256
from clearing.spec.governance import Action
from scripts.ops import encoded, scopes_of
from tests.harness.governed import run_governed


def test_scopes_of__a_network__are_openings_trading_and_its_feeds():
    scopes = scopes_of("optimism-sepolia")

    assert list(scopes) == ["openings", "trading", "ETH/USD", "BTC/USD"]
    assert scopes["openings"] == bytes(31) + b"\1"
    assert scopes["trading"] == bytes(31) + b"\2"
    assert scopes["ETH/USD"] == b"ETH/USD" + bytes(25)


def test_encoded__a_proposal__hashes_to_its_id():
    """So that PauseGuardian, which hashes it too, finds the proposal that mends."""
    with run_governed() as governed:
        target = governed.stage.made.address_of("DerivativesEngine")
        actions = [Action(target, 0, b"\1\2\3\4"), Action(target, 5, b"\1\2\3\4\5")]
        proposal_id = governed.council.propose(actions, governed.text("Mend it"))

        found = governed.at.find(str(proposal_id))

        assert int.from_bytes(keccak256(encoded(found)), "big") == proposal_id
