"""What liquidations are worked from: 10 ETH, long or short, at a price that both sources say.

Bought at 30,007.500600015 USD, or sold at 29,992.500599985. Both sources speak at once, so the
favourable band at a mid of P is P -/+ P / 10,000, and 300 s after the trade no premium is left.
"""

from fractions import Fraction

__all__ = ["COST", "ceil"]

COST = 30_007_500_600_015_000
"""Pico that 10 ETH long cost."""


def ceil(x: Fraction) -> int:
    """Round up."""
    return -(-x.numerator // x.denominator)
