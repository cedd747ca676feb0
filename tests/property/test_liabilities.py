"""The commitment to liabilities: one root for equal contents, and no proof of anything else."""

from hypothesis import assume, given
from hypothesis import strategies as st

from clearing.channel.liabilities import liabilities_root, prove_liability, verify_liability
from clearing.spec.liabilities import Liabilities

ASSET = st.binary(min_size=32, max_size=32)
OWED = st.integers(-(2**255), 2**255 - 1).filter(bool) | st.integers(-3, 3).filter(bool)
DEBTS = st.dictionaries(ASSET, OWED, min_size=1, max_size=20)


@st.composite
def proofs(draw):
    """Draw liabilities, their root, and one debt of them with its proof."""
    owed = Liabilities.of(draw(DEBTS))
    asset, owed_wad = draw(st.sampled_from(owed.rows))
    return owed, liabilities_root(owed), asset, owed_wad, prove_liability(owed, asset)


@st.composite
def flips(draw, length):
    """Draw a 32-byte-word mask with exactly one bit set, for one of `length` words."""
    return draw(st.integers(0, length - 1)), 1 << draw(st.integers(0, 255))


def flip(word, mask):
    return (int.from_bytes(word, "big") ^ mask).to_bytes(32, "big")


@given(DEBTS)
def test_prove_liability__every_debt__verifies(debts):
    owed = Liabilities.of(debts)
    root = liabilities_root(owed)

    for asset, owed_wad in debts.items():
        assert verify_liability(root, asset, owed_wad, prove_liability(owed, asset)), "RSK-08"


@given(proofs(), st.data())
def test_verify_liability__any_bit_flipped__is_refused(proved, data):
    _, root, asset, owed_wad, proof = proved
    words = [root, asset, owed_wad.to_bytes(32, "big", signed=True), *proof]
    index, mask = data.draw(flips(len(words)))
    words[index] = flip(words[index], mask)
    quantity = int.from_bytes(words[2], "big", signed=True)

    accepted = verify_liability(words[0], words[1], quantity, tuple(words[3:]))

    assert not accepted, "RSK-08 a flipped bit is refused"


@given(proofs(), ASSET, OWED)
def test_verify_liability__proof_for_another_debt__is_refused(proved, other_asset, other_owed):
    owed, root, asset, owed_wad, proof = proved
    assume(owed.find(other_asset) is None)
    assume(other_owed != owed_wad)

    assert not verify_liability(root, other_asset, owed_wad, proof), "RSK-08"
    assert not verify_liability(root, asset, other_owed, proof), "RSK-08"


@given(proofs(), ASSET)
def test_verify_liability__proof_longer_or_shorter__is_refused(proved, extra):
    _, root, asset, owed_wad, proof = proved

    assert not verify_liability(root, asset, owed_wad, (*proof, extra)), "RSK-08"
    assert not proof or not verify_liability(root, asset, owed_wad, proof[:-1]), "RSK-08"


@given(DEBTS, st.randoms(use_true_random=False))
def test_liabilities_root__any_order_of_insertion__is_the_same(debts, random):
    rows = list(debts.items())
    random.shuffle(rows)

    assert liabilities_root(Liabilities.of(dict(rows))) == liabilities_root(
        Liabilities.of(debts)
    ), "RSK-08 equal liabilities have one root"


@given(DEBTS, DEBTS)
def test_liabilities_root__other_liabilities__have_another(debts, other):
    assume(debts != other)

    assert liabilities_root(Liabilities.of(debts)) != liabilities_root(Liabilities.of(other))
