"""Answer a query of Halmos by reading its bit vectors as integers.

Bit-blasting a 256-bit product or quotient takes a solver hours; as integers `a = q * b + r` with
0 <= r < b is what it is. Every bit vector of w bits becomes an integer that is congruent to it
modulo 2^w, kept with an interval; it is brought into [0, 2^w) or [-2^(w-1), 2^(w-1)) only where
an operation asks, and only if the interval says that it could be outside. What is not understood
(arrays, hashes, shifts by a variable) becomes an unknown of its own, so the integers allow at
least what the bit vectors allow: "unsat" is a proof. A model is a counterexample only after it
has been put into the query itself; else the answer is "unknown".
"""

import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import count
from pathlib import Path
from typing import Any

import z3  # type: ignore[import-not-found]  # of .venv-tools, where this runs

__all__ = ["Integers", "answer", "main"]

Expr = Any  # z3 has no types

YICES = Path(sys.executable).with_name("yices-smt2")
PAIR = 2
BITS_FIRST = 1  # s
BITS_LAST = 10
INTEGER_SECONDS = 60

SIGN = {z3.Z3_OP_SLT, z3.Z3_OP_SLEQ, z3.Z3_OP_SGT, z3.Z3_OP_SGEQ}
ORDER = {
    z3.Z3_OP_ULT: lambda a, b: a < b,
    z3.Z3_OP_ULEQ: lambda a, b: a <= b,
    z3.Z3_OP_UGT: lambda a, b: a > b,
    z3.Z3_OP_UGEQ: lambda a, b: a >= b,
    z3.Z3_OP_SLT: lambda a, b: a < b,
    z3.Z3_OP_SLEQ: lambda a, b: a <= b,
    z3.Z3_OP_SGT: lambda a, b: a > b,
    z3.Z3_OP_SGEQ: lambda a, b: a >= b,
}
# The names by which Halmos hides what is hard, and what they stand for.
HIDDEN = (
    (r"(bvmul)", r"(\1 x y)"),
    (r"(bvudiv|bvurem|bvsdiv|bvsrem)", r"(ite (= y (_ bv0 \2)) (_ bv0 \2) (\1 x y))"),
)
DIVISIONS = {
    z3.Z3_OP_BUDIV: (False, 0),
    z3.Z3_OP_BUDIV_I: (False, 0),
    z3.Z3_OP_BUREM: (False, 1),
    z3.Z3_OP_BUREM_I: (False, 1),
    z3.Z3_OP_BSDIV: (True, 0),
    z3.Z3_OP_BSDIV_I: (True, 0),
    z3.Z3_OP_BSREM: (True, 1),
    z3.Z3_OP_BSREM_I: (True, 1),
}


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer congruent to a bit vector, its interval, and the bits that may be 1 in it."""

    expr: Expr
    low: int
    high: int
    bits: int = -1  # of the vector; -1: any

    def within(self, low: int, high: int) -> bool:
        return low <= self.low and self.high <= high


def _const(value: int, width: int) -> Whole:
    bits = value
    if value >> (width - 1):
        value -= 1 << width
    return Whole(z3.IntVal(value), value, value, bits)


def _runs(mask: int, width: int) -> list[tuple[int, int]]:
    """The (high, low) of each run of ones."""
    runs = []
    at = 0
    while at < width:
        if mask >> at & 1:
            top = at
            while top + 1 < width and mask >> (top + 1) & 1:
                top += 1
            runs.append((top, at))
            at = top
        at += 1
    return runs


class Integers:
    """The reading of one query."""

    def __init__(self) -> None:
        self.side: list[Expr] = []  # what defines the unknowns
        self.known: dict[int, tuple[int, int]] = {}  # intervals that the query states
        self.terms: dict[int, Expr] = {}
        self.variables: dict[Expr, tuple[Expr, int]] = {}
        self._words: dict[int, Whole] = {}
        self._bools: dict[int, Expr] = {}
        self._unsigned: dict[int, Whole] = {}
        self._signed: dict[int, Whole] = {}
        self._quotients: dict[tuple[int, int, bool], tuple[Whole, Whole]] = {}
        self._names = count()
        self._kept: list[Expr] = []  # ids stay unique only while their terms live

    # ---------------------------------------------------------------- unknowns

    def _fresh(self, low: int, high: int, hint: str = "k") -> Expr:
        unknown = z3.Int(f"{hint}!{next(self._names)}")
        self.side += [unknown >= low, unknown <= high]
        return unknown

    def _opaque(self, width: int) -> Whole:
        top = (1 << width) - 1
        return Whole(self._fresh(0, top, "opaque"), 0, top)

    # ---------------------------------------------------------------- ranges

    def _reduced(self, word: Whole, low: int, width: int) -> Whole:
        """The member of the same class in [low, low + 2^width)."""
        size = 1 << width
        high = low + size - 1
        if word.within(low, high):
            return word
        least, most = (word.low - low) // size, (word.high - low) // size
        if least == most:
            return Whole(
                word.expr - least * size,
                word.low - least * size,
                word.high - least * size,
                word.bits,
            )
        unknown = self._fresh(low, high, "w")
        self.side.append(word.expr == unknown + size * self._fresh(least, most))
        return Whole(unknown, low, high, word.bits)

    def unsigned(self, term: Expr) -> Whole:
        """In [0, 2^w)."""
        key = term.get_id()
        if key not in self._unsigned:
            word = self._reduced(self.word(term), 0, term.size())
            low, high = self.known.get(key, (0, (1 << term.size()) - 1))
            if word.bits >= 0:
                high = min(high, word.bits)
            self._unsigned[key] = Whole(
                word.expr, max(low, word.low), min(high, word.high), word.bits
            )
        return self._unsigned[key]

    def signed(self, term: Expr) -> Whole:
        """In [-2^(w-1), 2^(w-1))."""
        key = term.get_id()
        if key not in self._signed:
            half = 1 << (term.size() - 1)
            if self.unsigned_fits(term):
                self._signed[key] = self.unsigned(term)
            else:
                self._signed[key] = self._reduced(self.word(term), -half, term.size())
        return self._signed[key]

    def unsigned_fits(self, term: Expr) -> bool:
        """Whether the query or the term itself says that the vector is below 2^(w-1)."""
        word, half = self.word(term), 1 << (term.size() - 1)
        stated = self.known.get(term.get_id())
        return (
            (stated is not None and stated[1] < half)
            or 0 <= word.bits < half
            or word.within(0, half - 1)
        )

    # ---------------------------------------------------------------- words

    def word(self, term: Expr) -> Whole:
        """Some integer congruent to the vector."""
        key = term.get_id()
        if key not in self._words:
            self._kept.append(term)
            self._words[key] = self._read(term)
        return self._words[key]

    def _read(self, term: Expr) -> Whole:  # noqa: C901, PLR0911 (one case for each operation)
        width = term.size()
        kind = term.decl().kind()
        if z3.is_bv_value(term):
            return _const(term.as_long(), width)
        if kind == z3.Z3_OP_UNINTERPRETED and term.num_args() == 0:
            return self._variable(term)
        args = term.children()
        if kind == z3.Z3_OP_BADD:
            return reduce(_plus, map(self._near, args))
        if kind == z3.Z3_OP_BSUB:
            first, *rest = map(self._near, args)
            return reduce(_plus, map(_minus, rest), first)
        if kind == z3.Z3_OP_BNEG:
            return _minus(self._near(args[0]))
        if kind == z3.Z3_OP_BNOT:
            return _plus(_minus(self._near(args[0])), Whole(z3.IntVal(-1), -1, -1))
        if kind == z3.Z3_OP_BMUL:
            return reduce(lambda a, b: self._near_word(_times(a, b), width), map(self._near, args))
        if kind in DIVISIONS:
            is_signed, part = DIVISIONS[kind]
            return self._divided(args[0], args[1], is_signed=is_signed)[part]
        if kind == z3.Z3_OP_CONCAT:
            return self._joined(args)
        if kind == z3.Z3_OP_EXTRACT:
            high, low = term.params()
            return self._cut(args[0], high, low)
        if kind == z3.Z3_OP_ZERO_EXT:
            return self.unsigned(args[0])
        if kind == z3.Z3_OP_SIGN_EXT:
            word = self.signed(args[0])
            return Whole(word.expr, word.low, word.high, word.bits if word.low >= 0 else -1)
        if kind == z3.Z3_OP_ITE:
            return self._chosen(term)
        if kind in {z3.Z3_OP_BSHL, z3.Z3_OP_BLSHR, z3.Z3_OP_BASHR} and z3.is_bv_value(args[1]):
            return self._shifted(kind, args[0], args[1].as_long())
        if kind in {z3.Z3_OP_BAND, z3.Z3_OP_BOR, z3.Z3_OP_BXOR}:
            return self._bitwise(kind, args, width)
        return self._opaque(width)

    def _variable(self, term: Expr) -> Whole:
        width = term.size()
        name = term.decl().name()
        is_signed = "_int" in name
        low = -(1 << (width - 1)) if is_signed else 0
        high = low + (1 << width) - 1
        if not is_signed and term.get_id() in self.known:
            low, high = self.known[term.get_id()]
        unknown = self._fresh(low, high, name)
        self.variables[term] = (unknown, width)
        return Whole(unknown, low, high)

    def _near(self, term: Expr) -> Whole:
        """A word that is not far larger than its width: whichever reading is at hand."""
        if term.get_id() in self.known or z3.is_bv_value(term):
            return self.unsigned(term) if not z3.is_bv_value(term) else self.word(term)
        return self._near_word(self.word(term), term.size())

    def _near_word(self, word: Whole, width: int) -> Whole:
        if word.within(-(1 << (width + 2)), 1 << (width + 2)):
            return word
        return self._reduced(word, 0, width)

    def _divided(self, over: Expr, under: Expr, *, is_signed: bool) -> tuple[Whole, Whole]:
        key = (over.get_id(), under.get_id(), is_signed)
        if key not in self._quotients:
            read = self.signed if is_signed else self.unsigned
            a, b = read(over), read(under)
            self._quotients[key] = self._factor(
                over, a, b, under, is_signed=is_signed
            ) or self._quotient(a, b, over.size(), is_signed=is_signed)
        return self._quotients[key]

    def _factor(
        self, over: Expr, a: Whole, b: Whole, under: Expr, *, is_signed: bool
    ) -> tuple[Whole, Whole] | None:
        """Know that x * y / x = y if the product has not wrapped, as checked products ask."""
        if over.decl().kind() != z3.Z3_OP_BMUL or over.num_args() != PAIR:
            return None
        for x, y in (over.children(), over.children()[::-1]):
            if x.get_id() != under.get_id():
                continue
            one, other = self._near(x), self._near(y)
            if not (one.expr.eq(b.expr) and a.expr.eq(self.word(over).expr)):
                continue
            if b.low > 0 or b.high < 0:
                return other, Whole(z3.IntVal(0), 0, 0, 0)
            by_zero = -1 if is_signed else (1 << over.size()) - 1  # 0 / 0
            q = z3.If(b.expr == 0, by_zero, other.expr)
            low, high = min(other.low, by_zero), max(other.high, by_zero)
            return Whole(q, low, high), Whole(z3.IntVal(0), 0, 0, 0)
        return None

    def _quotient(self, a: Whole, b: Whole, width: int, *, is_signed: bool) -> tuple[Whole, Whole]:
        """Truncated, as the EVM's and SMT-LIB's signed division is; by 0 as SMT-LIB has it."""
        if a.low >= 0 and b.low > a.high:  # 0, and all of it is left
            return Whole(z3.IntVal(0), 0, 0, 0), a
        far = max(abs(a.low), abs(a.high))
        least = max(1, min(abs(b.low), abs(b.high)) if b.low > 0 or b.high < 0 else 1)
        span = far // least
        low = 0 if a.low >= 0 and b.low >= 0 else -span
        high = 0 if a.high <= 0 and b.low >= 0 else span
        q = self._fresh(low, high, "q")
        widest = max(abs(b.low), abs(b.high)) - 1
        rest = min(far, max(widest, 0))
        r_low, r_high = (-rest if a.low < 0 else 0), (rest if a.high > 0 else 0)
        r = self._fresh(min(r_low, 0), max(r_high, 0), "r")
        size = z3.If(b.expr >= 0, b.expr, -b.expr) if b.low < 0 else b.expr
        rules = [a.expr == q * b.expr + r, r < size, -r < size]
        if a.low < 0:
            rules += [z3.Implies(a.expr >= 0, r >= 0), z3.Implies(a.expr <= 0, r <= 0)]
        if b.low > 0 or b.high < 0:
            self.side += rules
            return Whole(q, low, high), Whole(r, r_low, r_high)
        self.side.append(z3.Implies(b.expr != 0, z3.And(rules)))
        by_zero = z3.If(a.expr < 0, 1, -1) if is_signed else z3.IntVal((1 << width) - 1)
        top = 1 if is_signed else (1 << width) - 1
        quotient = z3.If(b.expr == 0, by_zero, q)
        return (
            Whole(quotient, min(low, -1 if is_signed else 0), max(high, top)),
            Whole(z3.If(b.expr == 0, a.expr, r), min(a.low, r_low), max(a.high, r_high)),
        )

    def _joined(self, args: list[Expr]) -> Whole:
        args = _flat(args)
        if _is_sign_extension(args):
            word = self.signed(args[-1])
            return Whole(word.expr, word.low, word.high)
        total = Whole(z3.IntVal(0), 0, 0, 0)
        for arg in args:
            part = self.unsigned(arg)
            size = 1 << arg.size()
            bits = part.bits if part.bits >= 0 else size - 1
            total = Whole(
                total.expr * size + part.expr,
                total.low * size + part.low,
                total.high * size + part.high,
                total.bits * size | bits,
            )
        return total

    def _cut(self, term: Expr, high: int, low: int) -> Whole:
        width = high - low + 1
        if low == 0:  # congruent modulo less
            word = self.word(term)
            bits = word.bits & ((1 << width) - 1) if word.bits >= 0 else -1
            return Whole(word.expr, word.low, word.high, bits)
        whole = self.unsigned(term)
        if whole.high >> low == 0:
            return Whole(z3.IntVal(0), 0, 0, 0)
        rest = self._fresh(0, (1 << low) - 1, "x")
        part = self._fresh(whole.low >> low, whole.high >> low, "x")
        self.side.append(whole.expr == part * (1 << low) + rest)
        bits = (whole.bits >> low) & ((1 << width) - 1) if whole.bits >= 0 else -1
        return Whole(part, whole.low >> low, whole.high >> low, bits)

    def _chosen(self, term: Expr) -> Whole:
        condition = self.truth(term.arg(0))
        yes, no = self._near(term.arg(1)), self._near(term.arg(2))
        bits = yes.bits | no.bits if yes.bits >= 0 and no.bits >= 0 else -1
        return Whole(
            z3.If(condition, yes.expr, no.expr), min(yes.low, no.low), max(yes.high, no.high), bits
        )

    def _shifted(self, kind: int, term: Expr, by: int) -> Whole:
        width = term.size()
        if kind == z3.Z3_OP_BSHL:
            if by >= width:
                return _const(0, width)
            word = self._near(term)
            bits = (word.bits << by) & ((1 << width) - 1) if word.bits >= 0 else -1
            if bits < 0:
                bits = ((1 << width) - 1) >> by << by
            return Whole(word.expr * (1 << by), word.low << by, word.high << by, bits)
        if kind == z3.Z3_OP_BLSHR:
            return _const(0, width) if by >= width else self._cut(term, width - 1, by)
        word = self.signed(term)
        rest = self._fresh(0, (1 << by) - 1, "x")
        part = self._fresh(word.low >> by, word.high >> by, "x")
        self.side.append(word.expr == part * (1 << by) + rest)
        return Whole(part, word.low >> by, word.high >> by)

    def _bits(self, term: Expr) -> int:
        word = self.unsigned(term)
        bits = word.bits if word.bits >= 0 else (1 << term.size()) - 1
        return bits & ((1 << word.high.bit_length()) - 1)

    def _bitwise(  # noqa: C901 (one case for each shape of the bits)
        self, kind: int, args: list[Expr], width: int
    ) -> Whole:
        if len(args) > PAIR:
            first, *rest = args
            make = {z3.Z3_OP_BAND: z3.BitVecRef.__and__, z3.Z3_OP_BOR: z3.BitVecRef.__or__}
            if kind not in make:
                return self._opaque(width)
            return self.word(reduce(make[kind], rest, first))
        a, b = args
        if z3.is_bv_value(a):
            a, b = b, a
        full = (1 << width) - 1
        a_bits, b_bits = self._bits(a), self._bits(b)
        if kind == z3.Z3_OP_BAND and z3.is_bv_value(b):
            mask = b.as_long() & a_bits
            if mask == a_bits:
                return self.unsigned(a)
            total = Whole(z3.IntVal(0), 0, 0, 0)
            for high, low in _runs(mask, width):
                piece = self._reduced(self._cut(a, high, low), 0, high - low + 1)
                total = _plus(
                    total, Whole(piece.expr * (1 << low), piece.low << low, piece.high << low)
                )
            return Whole(total.expr, total.low, total.high, mask)
        if kind == z3.Z3_OP_BXOR and z3.is_bv_value(b) and b.as_long() == full:
            return _plus(_minus(self._near(a)), Whole(z3.IntVal(-1), -1, -1))
        if a_bits & b_bits == 0:  # no carry
            if kind == z3.Z3_OP_BAND:
                return _const(0, width)
            total = _plus(self.unsigned(a), self.unsigned(b))
            return Whole(total.expr, total.low, total.high, a_bits | b_bits)
        if kind == z3.Z3_OP_BOR and z3.is_bv_value(b):  # a | m = m + (a without m)
            return _plus(self.word(b), self.word(a & z3.BitVecVal(full ^ b.as_long(), width)))
        x, y = self.unsigned(a), self.unsigned(b)
        if a_bits <= 1 and b_bits <= 1:
            both = {
                z3.Z3_OP_BAND: z3.And(x.expr == 1, y.expr == 1),
                z3.Z3_OP_BOR: z3.Or(x.expr == 1, y.expr == 1),
                z3.Z3_OP_BXOR: x.expr != y.expr,
            }
            return Whole(z3.If(both[kind], 1, 0), 0, 1, 1)
        bits = a_bits & b_bits if kind == z3.Z3_OP_BAND else a_bits | b_bits
        some = self._fresh(0, bits, "opaque")
        if kind == z3.Z3_OP_BAND:
            self.side += [some <= x.expr, some <= y.expr]
        else:
            self.side.append(some <= x.expr + y.expr)
            if kind == z3.Z3_OP_BOR:
                self.side += [some >= x.expr, some >= y.expr]
                self.side.append((some == 0) == z3.And(x.expr == 0, y.expr == 0))
        return Whole(some, 0, bits, bits)

    # ---------------------------------------------------------------- truth

    def truth(self, term: Expr) -> Expr:
        """The condition over integers."""
        key = term.get_id()
        if key not in self._bools:
            self._kept.append(term)
            self._bools[key] = self._judge(term)
        return self._bools[key]

    def _judge(self, term: Expr) -> Expr:
        kind = term.decl().kind()
        args = term.children()
        if kind in {z3.Z3_OP_TRUE, z3.Z3_OP_FALSE}:
            return term
        if kind == z3.Z3_OP_NOT:
            return z3.Not(self.truth(args[0]))
        if kind in {z3.Z3_OP_AND, z3.Z3_OP_OR}:
            return (z3.And if kind == z3.Z3_OP_AND else z3.Or)([self.truth(a) for a in args])
        if kind == z3.Z3_OP_IMPLIES:
            return z3.Implies(self.truth(args[0]), self.truth(args[1]))
        if kind == z3.Z3_OP_ITE:
            return z3.If(*(self.truth(a) for a in args))
        if kind in {z3.Z3_OP_EQ, z3.Z3_OP_DISTINCT, z3.Z3_OP_XOR} and len(args) == PAIR:
            if z3.is_bool(args[0]):
                same = self.truth(args[0]) == self.truth(args[1])
            elif z3.is_bv(args[0]):
                same = self._equal(args[0], args[1])
            else:
                return z3.Bool(f"opaque!{next(self._names)}")
            return same if kind == z3.Z3_OP_EQ else z3.Not(same)
        if kind in ORDER:
            read = self.signed if kind in SIGN else self.unsigned
            return ORDER[kind](read(args[0]).expr, read(args[1]).expr)
        return z3.Bool(f"opaque!{next(self._names)}")

    def _equal(self, a: Expr, b: Expr) -> Expr:
        x, y = self.word(a), self.word(b)
        size = 1 << a.size()
        if x.high - y.low < size and y.high - x.low < size:
            return x.expr == y.expr
        return self.unsigned(a).expr == self.unsigned(b).expr

    # ---------------------------------------------------------------- what the query states

    def learn(self, term: Expr, *, holds: bool = True) -> None:  # noqa: C901 (as above)
        """Note the intervals that a condition at the top gives to terms."""
        kind = term.decl().kind()
        if kind == z3.Z3_OP_NOT:
            self.learn(term.arg(0), holds=not holds)
        elif (kind == z3.Z3_OP_AND and holds) or (kind == z3.Z3_OP_OR and not holds):
            for arg in term.children():
                self.learn(arg, holds=holds)
        elif kind in {z3.Z3_OP_ULT, z3.Z3_OP_ULEQ, z3.Z3_OP_UGT, z3.Z3_OP_UGEQ}:
            less, more = term.children()
            strict = kind in {z3.Z3_OP_ULT, z3.Z3_OP_UGT}
            if kind in {z3.Z3_OP_UGT, z3.Z3_OP_UGEQ}:
                less, more = more, less
            if not holds:
                less, more, strict = more, less, not strict
            if z3.is_bv_value(more):
                self._note(less, 0, more.as_long() - strict)
            if z3.is_bv_value(less):
                self._note(more, less.as_long() + strict, (1 << more.size()) - 1)
        elif kind == z3.Z3_OP_EQ and holds and z3.is_bv(term.arg(0)):
            for a, b in (term.children(), term.children()[::-1]):
                self._learn_same(a, b)

    def stated(self) -> list[Expr]:
        """What `learn` has noted, as conditions."""
        noted = [(self.terms[key], bounds) for key, bounds in self.known.items()]
        return [
            z3.And(low <= self.unsigned(term).expr, self.unsigned(term).expr <= high)
            for term, (low, high) in noted
        ]

    def _learn_same(self, a: Expr, b: Expr) -> None:
        """Know that x = 0…0 ++ x[n:0] says that x is below 2^n; 0 = x[255:n] says the same."""
        if (
            b.decl().kind() == z3.Z3_OP_CONCAT
            and z3.is_bv_value(b.arg(0))
            and b.arg(0).as_long() == 0
        ):
            self._note(a, 0, (1 << (a.size() - b.arg(0).size())) - 1)
        if b.decl().kind() == z3.Z3_OP_ZERO_EXT:
            self._note(a, 0, (1 << b.arg(0).size()) - 1)
        if z3.is_bv_value(a) and a.as_long() == 0 and b.decl().kind() == z3.Z3_OP_EXTRACT:
            high, low = b.params()
            if high == b.arg(0).size() - 1:
                self._note(b.arg(0), 0, (1 << low) - 1)

    def _note(self, term: Expr, low: int, high: int) -> None:
        if low > high:
            return
        self.terms[term.get_id()] = term
        old = self.known.get(term.get_id(), (0, (1 << term.size()) - 1))
        new = (max(low, old[0]), min(high, old[1]))
        if new[0] <= new[1]:
            self.known[term.get_id()] = new


def _flat(args: list[Expr]) -> list[Expr]:
    """The pieces of a concatenation of concatenations."""
    pieces: list[Expr] = []
    rest = args[::-1]
    while rest:
        term = rest.pop()
        if term.decl().kind() == z3.Z3_OP_CONCAT:
            rest += term.children()[::-1]
        else:
            pieces.append(term)
    return pieces


def _is_sign_extension(args: list[Expr]) -> bool:
    """Whether they are t[h] ++ … ++ t[h] ++ t[h:n]."""
    *signs, body = args
    if any(arg.get_id() != signs[0].get_id() for arg in signs):
        return False
    if signs[0].decl().kind() != z3.Z3_OP_EXTRACT:
        return False
    high, low = signs[0].params()
    if high != low:
        return False
    whole = signs[0].arg(0)
    if body.decl().kind() == z3.Z3_OP_EXTRACT and body.arg(0).get_id() == whole.get_id():
        return bool(body.params()[0] == high)
    return bool(whole.get_id() == body.get_id() and high == body.size() - 1)


def _plus(a: Whole, b: Whole) -> Whole:
    return Whole(a.expr + b.expr, a.low + b.low, a.high + b.high)


def _minus(a: Whole) -> Whole:
    return Whole(-a.expr, -a.high, -a.low)


def _times(a: Whole, b: Whole) -> Whole:
    ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return Whole(a.expr * b.expr, min(ends), max(ends))


def revealed(text: str) -> str:
    """The query with nothing hidden: division by zero gives zero, as in the EVM."""
    for names, meaning in HIDDEN:
        vector = r"\(_ BitVec \2\)"
        text = re.sub(
            rf"\(declare-fun f_evm_{names}_([0-9]+) \({vector} {vector}\) {vector}\)",
            r"(define-fun f_evm_\1_\2 ((x (_ BitVec \2)) (y (_ BitVec \2))) (_ BitVec \2) "
            rf"{meaning})",
            text,
        )
    return text


def answer(query: list[Expr], seconds: float) -> tuple[str, dict[Expr, int]]:
    """Say sat with the variables' values, unsat, or unknown."""
    reading = Integers()
    for condition in query:
        reading.learn(condition)
    conditions = [reading.truth(condition) for condition in query]
    conditions += reading.stated()
    solver = z3.SimpleSolver()
    solver.set("timeout", int(seconds * 1_000))
    solver.add(*reading.side, *conditions)
    said = solver.check()
    if said == z3.unsat:
        return "unsat", {}
    if said != z3.sat:
        return "unknown", {}
    model = solver.model()
    values = {
        term: model.eval(unknown, model_completion=True).as_long() % (1 << width)
        for term, (unknown, width) in reading.variables.items()
    }
    pairs = [(term, z3.BitVecVal(value, term.size())) for term, value in values.items()]
    check = z3.SimpleSolver()
    check.set("timeout", 5_000)
    check.add(*(z3.substitute(condition, *pairs) for condition in query))
    return ("sat", values) if check.check() == z3.sat else ("unknown", {})


def _by_bits(path: Path, seconds: int) -> str:
    """What Yices says, which reads them as bits."""
    command = (str(YICES), f"--timeout={seconds}", "--smt2-model-format", "--bvconst-in-decimal")
    done = subprocess.run((*command, str(path)), capture_output=True, text=True, check=False)
    return done.stdout


def _grown(rng: random.Random, leaves: list[Expr], depth: int) -> Expr:
    """Some term of the leaves' width."""
    if depth == 0:
        width = leaves[0].size()
        constant = z3.BitVecVal(
            rng.choice([0, 1, -1, 1 << (width - 1), rng.getrandbits(width)]), width
        )
        return rng.choice([*leaves, constant])
    a, b = (_grown(rng, leaves, depth - 1) for _ in range(2))
    width, cut = a.size(), rng.randrange(1, a.size())
    by = z3.BitVecVal(rng.randrange(width + 1), width)
    terms: list[Callable[[], Expr]] = [
        *(lambda: a + b, lambda: a - b, lambda: a * b, lambda: -a, lambda: ~a),
        *(lambda: z3.UDiv(a, b), lambda: z3.URem(a, b), lambda: a / b, lambda: z3.SRem(a, b)),
        *(lambda: a & b, lambda: a | b, lambda: a ^ b, lambda: a * b / a),
        *(lambda: a << by, lambda: z3.LShR(a, by), lambda: a >> by),
        lambda: z3.ZeroExt(width - cut, z3.Extract(cut - 1, 0, a)),
        lambda: z3.SignExt(width - cut, z3.Extract(cut - 1, 0, a)),
        lambda: z3.Concat(z3.Extract(cut - 1, 0, a), z3.Extract(width - 1, cut, b)),
        lambda: z3.Concat(*[z3.Extract(cut, cut, a)] * (width - cut), z3.Extract(cut, 1, a)),
        *(
            lambda: z3.If(z3.ULT(a, b), a, b),
            lambda: z3.If(a <= b, a, b),
            lambda: z3.If(a == b, a, ~b),
        ),
    ]
    return rng.choice(terms)()


def check(rounds: int = 200) -> None:
    """Hold the reading against z3's own arithmetic: a false step would make false proofs.

    Random terms of random values: where z3 computes v, "term = v" must not be refuted, be the
    values given as constants or stated as bounds.
    """
    rng = random.Random(8)  # noqa: S311 (the same terms each time)
    refuted = 0
    for _ in range(rounds):
        width = rng.choice([8, 16, 256])
        names = [z3.BitVec(name, width) for name in ("p_x_uint", "p_y_int")]
        values = [rng.choice([0, 1, (1 << width) - 1, rng.getrandbits(width)]) for _ in names]
        constants = [z3.BitVecVal(value, width) for value in values]
        term = _grown(rng, names, rng.randrange(1, 4))
        value = z3.simplify(z3.substitute(term, *zip(names, constants, strict=True)))
        given = [
            z3.And(z3.ULE(name, constant), z3.UGE(name, constant))
            if rng.random() < 0.5  # noqa: PLR2004
            else name == constant
            for name, constant in zip(names, constants, strict=True)
        ]
        said, _ = answer([*given, term == value], 20)
        if said == "unsat":
            sys.exit(f"bv_as_int: refutes {term} = {value} at {values}")
        said, _ = answer([*given, term != value], 20)
        if said == "sat":
            sys.exit(f"bv_as_int: finds another value of {term} at {values}")
        refuted += said == "unsat"
    if refuted < rounds // 2:
        sys.exit(f"bv_as_int: understood only {refuted} of {rounds} terms")
    print(f"bv_as_int: {rounds} random terms read rightly, {refuted} of them to the bit")


def main() -> None:
    """Print an answer and a model as an SMT-LIB solver does."""
    sys.setrecursionlimit(20_000)  # terms are deep
    if sys.argv[1] == "--check":
        check()
        return
    path = Path(sys.argv[1])
    text = path.read_text()
    if _by_bits(path, BITS_FIRST).startswith("unsat"):
        print("unsat")
        return
    exact = revealed(text)
    said, values = answer(list(z3.parse_smt2_string(exact)), INTEGER_SECONDS)
    if said == "unknown":
        with tempfile.NamedTemporaryFile("w", suffix=".smt2") as file:
            file.write(exact)
            file.flush()
            print(_by_bits(Path(file.name), BITS_LAST) or "unknown")
        return
    print(said)
    if said == "sat":
        print("(")
        for term, value in values.items():
            width = term.size()
            print(f"(define-fun |{term}| () (_ BitVec {width}) (_ bv{value} {width}))")
        print(")")


if __name__ == "__main__":
    main()
