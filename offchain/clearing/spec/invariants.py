"""List what must always hold, by ID, with a predicate wherever a world or one call can show it.

`holds_in` judges a world, `holds_over` an accepted call. An invariant without either speaks of
whole schedules, signatures or encodings; docs/invariants.md names the test that holds it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from clearing.spec import predicates as p
from clearing.spec.predicates import Step
from clearing.spec.world import World

__all__ = ["INVARIANTS", "Invariant", "violated_in", "violated_over"]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A promise with its stable ID."""

    id: str
    text: str
    holds_in: Callable[[World], bool] | None = None
    holds_over: Callable[[Step], bool] | None = None


INVARIANTS = (
    # Solvency
    Invariant(
        "ADJ-01",
        "A token's balance covers ledgers, nets of OPEN and CHALLENGED channels, and locks.",
        p.is_solvent,
        p.keeps_solvency,
    ),
    Invariant("ADJ-02", "Payouts sum to the net on chain.", None, p.ends_pay_what_is_held),
    Invariant(
        "ADJ-03",
        "No payout is negative; finalize never reverts once its guards hold, whatever tokens do.",
        None,
        p.ends_pay_nothing_negative,
    ),
    Invariant(
        "ADJ-04",
        "Tokens are called only in deposit, withdrawals, open and closeCooperative.",
        None,
        p.tokens_called_where_said,
    ),
    # Versions
    Invariant(
        "ADJ-05",
        "The enforced version rises strictly within an epoch, but for the first challenge.",
        None,
        p.version_rises,
    ),
    Invariant(
        "ADJ-06",
        "The epoch grows by one at each end, and version, deadline and flags are cleared with it.",
        p.dormant_is_blank,
        p.end_starts_next_epoch,
    ),
    Invariant("ADJ-07", "Version 0 is never accepted.", p.live_has_version),
    Invariant(
        "ADJ-08",
        "Every accepted call that carries signatures, repeated, reverts or changes nothing.",
        None,
        p.repeated_changes_nothing,
    ),
    Invariant(
        "ADJ-09",
        "Status moves only NEW to OPEN, OPEN to and from CHALLENGED, to IDLE, and IDLE to OPEN.",
        None,
        p.status_moves_along,
    ),
    # Disputes
    Invariant(
        "ADJ-10",
        "Response and end windows are disjoint and cover all time.",
        None,
        p.windows_are_disjoint,
    ),
    Invariant(
        "ADJ-11",
        "The deadline is constant from the move out of OPEN to the move back or the end.",
        None,
        p.deadline_is_constant,
    ),
    Invariant(
        "ADJ-12",
        "From challenge to payable: at most twice the challenge duration, what the condition has "
        "left, and grace.",
    ),
    Invariant(
        "ADJ-13",
        "An honest party with the latest state and one transaction per adversary action ends with "
        "at least its latest split or agreed outcome, under any schedule.",
    ),
    Invariant("ADJ-14", "An attacker with a stale state gains nothing."),
    Invariant(
        "ADJ-15",
        "Outsiders can only move a channel forward and cannot spoil a cooperative close.",
        None,
        p.outsider_starts_nothing,
    ),
    # Authority
    Invariant(
        "ADJ-16",
        "Nobody moves a broker's ledger or allowance without it or the signer it has named.",
        None,
        p.ledgers_move_by_authority,
    ),
    Invariant("ADJ-17", "Any flipped bit is refused."),
    Invariant(
        "ADJ-18",
        "A signature for another chain, contract, channel, epoch or type is refused.",
        None,
        p.states_fit_their_channel,
    ),
    Invariant("ADJ-19", "High s, a zero signer and swapped signatures are refused."),
    Invariant("ADJ-20", "Code that appears at a signer's address changes nothing."),
    Invariant("ADJ-21", "A withdraw authorisation serves once.", None, p.auth_serves_once),
    # Collateral
    Invariant(
        "ADJ-22",
        "A unilateral deposit never changes the peer's payout.",
        None,
        p.deposit_leaves_peer_alone,
    ),
    Invariant(
        "ADJ-23",
        "A RESIZE pays at most its outs, once, to their owners; run or skipped, nobody's final "
        "wealth differs.",
        None,
        p.resize_pays_out_once,
    ),
    Invariant(
        "ADJ-24", "The latest co-signed state stays enforceable under any order of earlier ones."
    ),
    # Settlement
    Invariant("SET-01", "All legs move or none.", None, p.legs_move_together),
    Invariant("SET-02", "An order runs once.", None, p.order_runs_once),
    Invariant(
        "SET-03",
        "Locks are executed or refunded exactly, never by another order's numbers.",
        None,
        p.refund_is_exact,
    ),
    Invariant(
        "SET-04",
        "A default falls only on a side that did not fund while the other did, after its grace.",
        None,
        p.default_is_earned,
    ),
    Invariant(
        "SET-05", "No state with an unresolved condition ends.", None, p.only_ends_of_decided
    ),
    Invariant(
        "SET-06",
        "No lock is orphaned by an end, a newer order or a reveal.",
        p.locks_are_known,
        p.ends_hold_no_lock,
    ),
    # Registry
    Invariant("REG-01", "Slots used are live channels.", p.slots_are_live_channels),
    Invariant("REG-02", "Stake leaves only after 30 days and never below what is in use."),
    Invariant("REG-03", "An outsider cannot occupy a slot.", None, p.opens_by_named_signers),
    Invariant("REG-04", "Held YELLOW covers all stake, active and pending; nobody pays another's."),
    Invariant("REG-05", "The registry's state is told by its events alone."),
    # Encoding
    Invariant(
        "ENC-01", "The Python digest is the contract's and an independent EIP-712 library's."
    ),
    Invariant("ENC-02", "The client's validate accepts exactly what the contract accepts."),
    # Hash time lock
    Invariant(
        "HTL-01", "What is held covers locks and credits, and only their owners can move it."
    ),
    Invariant("HTL-02", "A lock ends once: claimed before its timelock or refunded from it on."),
    Invariant("HTL-03", "A claim pays only the receiver, a refund only the sender."),
    Invariant("HTL-04", "A payment that fails becomes a credit of its amount and blocks nothing."),
    Invariant("HTL-05", "Nobody can force a credit by starving a payment of gas."),
    Invariant("HTL-06", "No id is ever used twice."),
    Invariant("HTL-07", "Live locks and credits are told by the events alone."),
    # Risk
    Invariant(
        "RSK-01",
        "A requirement is the exact rule, rounded up by less than one 1e-18 USD per asset owed.",
    ),
    Invariant("RSK-02", "Swapping the sides swaps the report and changes nothing else."),
    Invariant("RSK-03", "A higher factor lowers no requirement."),
    Invariant(
        "RSK-04", "On an exact tie both sides cover; otherwise only the side that owes more does."
    ),
    Invariant(
        "RSK-05",
        "After the whole difference has been moved, each side covers what the factors can move.",
    ),
    Invariant(
        "RSK-06",
        "Liabilities are the sum of the trades in any order, and delivering them all leaves none.",
    ),
    Invariant(
        "RSK-07", "A risk factor is the exact median of the observed changes, rounded up once."
    ),
    Invariant(
        "RSK-08", "Equal liabilities have one root; a proof with any bit flipped is refused."
    ),
    # Oracle
    Invariant(
        "ORA-01",
        "Whenever a price is usable, 0 < lo <= mid <= hi; the strict and the favourable band "
        "contain the band.",
    ),
    Invariant(
        "ORA-02",
        "No gas limit makes a call that changes state trip the breaker that 30 million gas would "
        "not.",
    ),
    Invariant("ORA-03", "Prices are answered, never refused, whatever the sources do."),
    Invariant(
        "ORA-04",
        "One real price agrees through any decimals and exponent, within one unit of the coarser.",
    ),
    Invariant("ORA-05", "An age or a lead at its limit is accepted, one second more is refused."),
    Invariant("ORA-06", "Agreement of two prices is symmetric."),
    Invariant(
        "ORA-07",
        "A wider confidence never narrows the opening band and, while Chainlink is OK, never "
        "forbids a liquidation.",
    ),
    Invariant("ORA-08", "Within one block an opening is never better than a close."),
    Invariant(
        "ORA-09",
        "A liquidation price is never worse for the trader than the close price of the other "
        "bound.",
    ),
    Invariant(
        "ORA-10",
        "The TWAP equals a brute-force integral and lies between the extremes of the prices that "
        "it weighs.",
    ),
    Invariant("ORA-11", "A second poke in a block with the same answers changes nothing."),
    Invariant("ORA-12", "The ring's times rise, 30 seconds apart at least; it holds at most 128."),
    Invariant("ORA-13", "What a view says before a poke equals what the poke latches."),
    Invariant(
        "ORA-14", "TRIPPED is left only by the reset that its reason allows, or the timelock."
    ),
    Invariant("ORA-15", "From any latched jump an honest Chainlink alone leads out."),
    Invariant(
        "ORA-16", "The guardian reaches no state that is unpaused, reset or configured otherwise."
    ),
    Invariant(
        "ORA-17",
        "After updateAndPoke the oracle holds no more ether than before, and the caller has paid "
        "exactly the fee.",
    ),
    Invariant("ORA-18", "A close never fails for the sequencer's grace."),
    Invariant(
        "ORA-19",
        "Every answer of the sources has exactly one state; one row and one column decide each "
        "action.",
    ),
    Invariant(
        "ORA-20", "A feed replaced at a thousand times its price, or a thousandth, is refused."
    ),
    Invariant("ORA-21", "Contract and specification agree on every answer, verdict and event."),
    Invariant(
        "ORA-22",
        "A pause has at most 72 hours left, ends within 19 days of its start, and the next one "
        "starts a week after its end or later.",
    ),
    Invariant("ORA-23", "No limit can be set out of its bounds in code."),
    Invariant(
        "ORA-24",
        "No Pyth price from before Chainlink's round, by more than pyMaxAhead, latches DEVIATION.",
    ),
    Invariant(
        "ORA-25",
        "Whether a round of Chainlink is a jump depends on what was accepted before, not on when "
        "anybody pokes.",
    ),
    Invariant(
        "ORA-26",
        "From any latched deviation, once a jump or not, an honest Chainlink alone leads out when "
        "the cooldown is over.",
    ),
    Invariant("PERP-01", "Sizes in a market sum to zero."),
    Invariant("PERP-02", "Open interest is the sum of the longs."),
    Invariant(
        "PERP-03",
        "Tokens cover what the ledger owes, net of accounts below zero, whatever is played.",
    ),
    Invariant("PERP-04", "What rounding leaves over stays below a bound, and belongs to nobody."),
    Invariant(
        "PERP-05", "Contracts and specification agree on every verdict, event and stored word."
    ),
    Invariant("PERP-06", "The settler's contract and specification agree on every batch."),
    Invariant(
        "PERP-07", "A packed batch, the plain one and one group at a time end in the same state."
    ),
    Invariant("PERP-08", "Everything that is stored of orders can be rebuilt from events."),
    Invariant(
        "PERP-09", "A hostile wallet that is asked for its signature costs its own group at most."
    ),
    Invariant("PERP-10", "A wallet that calls back while it is asked reaches nothing."),
    Invariant(
        "PERP-11", "No limit of gas makes a group be skipped that plenty of gas would settle."
    ),
    Invariant("PERP-12", "An account without positions withdraws without asking the oracle."),
    Invariant("PERP-13", "A withdrawal leaves equity at initial margin or above, to the wei."),
    Invariant("PERP-14", "A session key trades and can do nothing else."),
    Invariant(
        "PERP-15",
        "Funding is paid from one side to the other, longs when the mark is above the index.",
    ),
    Invariant(
        "PERP-16",
        "At one index price, and for up to 24 intervals, ticks that nobody made change nothing.",
    ),
    Invariant(
        "PERP-17",
        "A partial liquidation meets its target; under two thirds of maintenance all goes.",
    ),
    Invariant("PERP-18", "Nobody gains by stepping into the vault and out of it."),
    Invariant(
        "PERP-19", "An empty insurance blocks no liquidation; a penalty never exceeds equity."
    ),
    Invariant(
        "PERP-20",
        "Only accounts below maintenance margin at the index, and at the mark where that is better,"
        " are liquidated, the protocol's never.",
    ),
    Invariant(
        "PERP-21",
        "Each function of the engine is open to its roles alone, each module to its own kind.",
    ),
    Invariant("PERP-22", "A token that calls back reaches no function of any module."),
    Invariant(
        "PERP-23",
        "Neither dust nor another market's frozen feed shields an account from liquidation.",
    ),
    Invariant(
        "PERP-24", "A batch of liquidations does what one after the other would, each account once."
    ),
    Invariant("PERP-25", "Who comes first to the vault cannot make later shares round to nothing."),
    Invariant("PERP-26", "What a view says beforehand is what the call then does."),
    Invariant(
        "PERP-27",
        "A tick beyond the liquidation price an account is liquidatable, a tick before it is not.",
    ),
    Invariant(
        "PERP-28", "The vault's price does not depend on how a trade is split; no round trip gains."
    ),
    Invariant(
        "PERP-29",
        "A trade keeps the traders' net size against the vault within its limit, or lowers it;"
        " past it go only a forced reduction for a silent settler, and resolution.",
    ),
    Invariant("PERP-30", "Each pause bit stops exactly what its row says."),
    Invariant(
        "PERP-31", "Every account that acts is judged at the edge; a bankrupt one does not move."
    ),
    Invariant("PERP-32", "Insurance never owes."),
    Invariant("PERP-33", "A market that trades owes at most 100 USD."),
    Invariant("PERP-34", "An account without positions pays nothing for what others do."),
    Invariant("PERP-35", "An absorbed account is left with nothing, and owes nothing."),
    Invariant("PERP-36", "Deleveraging turns nobody around and loads nobody."),
    Invariant("PERP-37", "The pot holds what is owed for claims, and no more than that."),
    Invariant("PERP-38", "No fill goes beyond an order's size or its limit price."),
    Invariant(
        "PERP-39",
        "A cancelled, expired, replaced, replayed, foreign or malleated order fills nothing.",
    ),
    Invariant(
        "PERP-40", "A group that fails leaves no trace, and the others of its batch are settled."
    ),
    Invariant("PERP-41", "Wash trades cost more in fees than they earn in funding."),
    Invariant("PERP-42", "Premium and funding rate stay within their caps, whatever is traded."),
    Invariant(
        "PERP-43",
        "Funding settled on the way costs at most a wei each time and gains nothing.",
    ),
    Invariant("PERP-44", "What accounts of different markets do, they may do in any order."),
    Invariant("PERP-45", "Everything k times as large pays k times as much, but for rounding."),
    Invariant("PERP-46", "What a feed forbids reverts and changes nothing."),
    Invariant("PERP-47", "A number beyond its width is refused, never wrapped."),
    Invariant("PERP-48", "Liquidation leaves no debt in an account that could be absorbed."),
    Invariant(
        "PERP-49",
        "A vault that could be absorbed trades in no market that its cash does not carry.",
    ),
    Invariant(
        "PERP-50",
        "What open positions of the vault and the backstop have lost is paid for by their markets, "
        "once.",
    ),
    Invariant("PERP-51", "A claim answers for what others covered for its account."),
    Invariant(
        "PERP-52",
        "What a final market owes beyond its claims, insurance, the backstop and the vault pay, as "
        "for an absorption.",
    ),
    # Clearport
    Invariant(
        "CLP-01",
        "No key signs two digests for one version of a channel, or a version that was refused.",
    ),
    Invariant(
        "CLP-02", "A digest is durable before the key signs it, and a signature before it is sent."
    ),
    Invariant("CLP-03", "After any crash and reconnect both sides agree on the latest full state."),
    Invariant(
        "CLP-04",
        "No drop, repeat or reordering lowers the latest version; a CLOSE that has expired does.",
    ),
    Invariant("CLP-05", "Nothing counts as agreed without both signatures."),
    Invariant(
        "CLP-06", "A trade is booked once, and only with the numbers that both sides have recorded."
    ),
    Invariant("CLP-07", "Two daemons that are left alone come to rest."),
    Invariant(
        "CLP-08", "No message of a peer, however malformed, stops the daemon or moves money."
    ),
    Invariant("CLP-09", "A stale challenge ends no channel whose daemon runs."),
    Invariant("CLP-10", "No transaction has its effect twice, and none that is wanted is lost."),
    Invariant(
        "CLP-11", "Rewinding blocks and replaying another fork gives the state of a fresh sync."
    ),
    Invariant("CLP-12", "An unauthorised, expired or replayed call changes nothing."),
    Invariant("CLP-13", "A channel restored from a backup signs nothing at or below its floor."),
    Invariant("CLP-14", "The watchtower only moves channels forward."),
    Invariant(
        "CLP-15", "What a commit has returned for survives kill -9, all of a record or nothing."
    ),
    Invariant("CLP-16", "What fails stops itself alone: other channels and other peers go on."),
    # Governance
    Invariant(
        "GOV-01",
        "A proposal moves only along the edges drawn; what has ended has ended for ever.",
    ),
    Invariant(
        "GOV-02",
        "Votes sum to at most the supply, a voter's to what it had at the snapshot.",
    ),
    Invariant("GOV-03", "Tokens got after the snapshot add no vote."),
    Invariant(
        "GOV-04", "What a proposal must reach is fixed when it is made, whatever is decided later."
    ),
    Invariant(
        "GOV-05",
        "A proposal is of the highest kind of its actions; the unlisted or hidden is an upgrade.",
    ),
    Invariant(
        "GOV-06",
        "Only with its quorum, and with strictly more than its approval, does a proposal pass.",
    ),
    Invariant(
        "GOV-07",
        "Execution is in the 14 days from the eta on, which includes the extra delay.",
    ),
    Invariant(
        "GOV-08",
        "From the second in which quorum is reached at least the extension is left to vote.",
    ),
    Invariant("GOV-09", "What is executed is the code that was there when the proposal was made."),
    Invariant(
        "GOV-10",
        "Governed functions obey the timelock alone, and the timelock obeys proposals alone.",
    ),
    Invariant(
        "GOV-11",
        "The guardian can do nothing after its expiry, and never keep its own replacement away.",
    ),
    Invariant("GOV-12", "A proposer has one live proposal."),
    Invariant("GOV-13", "No vote can set what is out of its bounds."),
    Invariant(
        "GOV-14", "A pause has at most 72 hours left, always, and lapses without a transaction."
    ),
    Invariant("GOV-15", "A scope is not paused anew within 7 days of the end of its last pause."),
    Invariant(
        "GOV-16",
        "Only while a live upgrade acts on its scope does a pause go on, and never beyond 19 days.",
    ),
    Invariant("GOV-17", "When a deployment ends its deployer holds no role."),
    Invariant("GOV-18", "A proposal's digest is the sha256 of the published file's bytes."),
    # The whole system
    Invariant("SYS-01", "Tokens and shares are conserved over everybody who ever held any."),
    Invariant(
        "SYS-02",
        "A step that is the adversary's alone costs no honest party anything but what rules take.",
    ),
    Invariant(
        "SYS-03",
        "From any state, everybody can leave with what is its own, but the last for what settled "
        "markets owe that nobody could spare.",
    ),
)


def violated_in(world: World) -> tuple[str, ...]:
    """Return the IDs of the invariants that this world breaks."""
    return tuple(i.id for i in INVARIANTS if i.holds_in is not None and not i.holds_in(world))


def violated_over(step: Step) -> tuple[str, ...]:
    """Return the IDs of the invariants that this accepted call breaks."""
    return tuple(i.id for i in INVARIANTS if i.holds_over is not None and not i.holds_over(step))
