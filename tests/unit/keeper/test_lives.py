"""Whatever is played on the contracts, the replica that saw their logs alone equals them."""

import os
from random import Random

import pytest

from clearing.keeper.book import Book
from clearing.keeper.columns import Columns
from clearing.keeper.decoding import Decoder
from clearing.keeper.exact import health_at, takeover_of
from clearing.keeper.scan import brute_force, scan
from tests.harness.perp import deploy_perp
from tests.harness.perp_resolution_twin import ResolutionTwin, deploy_resolvers
from tests.invariants.perp_resolution_machine import ResolutionMachine
from tests.unit.keeper.world import DECIMALS, RawRecorder, hold_health, hold_ledger, terms_at

SEEDS = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else 2
STEPS = 100
CHECK_EVERY = 6


@pytest.mark.parametrize("seed", range(SEEDS))
def test_book__whatever_is_played__equals_the_contracts(seed):
    """Each step is a block; some blocks are undone and taken again, as after a reorganisation."""
    chain, chance = RawRecorder(), Random(seed)
    rig = deploy_perp(chain, vault_usd=200_000)
    machine = ResolutionMachine(ResolutionTwin(rig, deploy_resolvers(rig)), f"keeper/{seed}")
    lens = chain.deploy("PerpLens", rig.engine.address, sender=rig.roles.deployer)
    decoder, book, columns = Decoder(), Book(DECIMALS), Columns()
    blocks, read, found = [], 0, 0

    for step in range(STEPS):
        if machine.is_over:
            break
        machine.play(1)
        logs = [log for log in chain.raw[read:] if log.address == rig.engine.address]
        read = len(chain.raw)
        blocks.append(decoder.decode(logs))
        book.take(step, blocks[-1])
        depth = chance.choice((0, 0, 1, 3))
        for _ in range(min(depth, len(blocks))):
            book.back()
        for number in range(max(0, len(blocks) - depth), len(blocks)):
            book.take(number, blocks[number])
        if step % CHECK_EVERY == 0:
            terms = terms_at(lens, book, chain.now)
            hold_ledger(book, rig.engine)
            hold_health(book, rig.engine, terms)
            due = scan(book, columns, terms)
            assert due == brute_force(book, terms)
            found += len(due)
            for account in book.held:
                said = rig.risk.read("isLiquidatable", account)
                assert said == (account in {each.account for each in due}), account
            for each in due:
                hold_takeovers(rig, book, each, terms)

    assert read > STEPS
    assert found > 0
    assert Book.restored(book.snapshot()).same_as(book)


def hold_takeovers(rig, book, found, terms):
    view = health_at(book.cash[found.account], book.positions(found.account), terms)
    assert (view.equity, view.mm) == (found.equity, found.mm)
    for market, position in book.positions(found.account).items():
        size, price, penalty = rig.risk.read("preview", found.account, market)
        mine = takeover_of(found.account, position, view, terms[market])
        if mine is not None:
            assert (mine.size, mine.price, mine.reward) == (size, price, penalty // 2)
