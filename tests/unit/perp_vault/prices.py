"""The vault's price by the formula of derivatives.md, in fractions; and the bands it starts from.

Both sources say 3,000 with a confidence of 0.30: the band, strict and plain, is 2,999.70 to
3,000.30. The vault's spread is 0.01 %, its skew scale 100,000 units, the taker's fee 0.05 %.
"""

from fractions import Fraction

from tests.harness.perp import LOT

LO, HI = Fraction(29_997, 10), Fraction(30_003, 10)
SPREAD = Fraction(1, 10_000)
FEE = Fraction(5, 10_000)
PICO = 10**12
WAD = 10**18


def _floor(x: Fraction) -> int:
    return x.numerator // x.denominator


def _ceil(x: Fraction) -> int:
    return -(-x.numerator // x.denominator)


def quote_of(
    size: int, net: int = 0, *, lo: Fraction = LO, hi: Fraction = HI, scale: int = 100_000
) -> int:
    """Return the pico that a trade of `size` lots brings, the traders' net size being `net`."""
    price = hi * (1 + SPREAD) if size > 0 else lo * (1 - SPREAD)
    d, k = Fraction(size, LOT), Fraction(net, LOT)
    whole = abs(d) * price * (1 + (2 * k + d) / (2 * scale)) * PICO
    return -_ceil(whole) if size > 0 else _floor(whole)


def fee_of(quote: int) -> int:
    """Return the pico that the market keeps of a trade."""
    return _ceil(abs(quote) * FEE)
