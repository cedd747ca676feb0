"""Liquidations worked by hand: one account, 10 ETH long or short, at a price that both sources say.

The vault's price of the first 10 ETH is 30,007.500600015 USD (long) or 29,992.500600015 (short). Both sources speak at once, so the favourable band at a mid of P is
[P - P/10,000, P + P/10,000], and 300 s after the trade π is 0.
"""

from fractions import Fraction

COST = 30_007_500_600_015_000
"""Pico that 10 ETH long cost."""
FEE = 15_003_750_300_008
"""Pico: 0.05 % of it, up."""


def ceil(x: Fraction) -> int:
    """Round up."""
    return -(-x.numerator // x.denominator)
