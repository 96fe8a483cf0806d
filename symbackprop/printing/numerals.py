"""Numbers as people write them: small fractions as fractions, tenths and hundredths as decimals."""

from __future__ import annotations

from symbackprop.raising.tree import Number


def power_of_ten(number: Number) -> int:
    """The n of a denominator ``10**n``, else 0."""
    digits = str(number.denominator)
    return len(digits) - 1 if digits == "1" + "0" * (len(digits) - 1) else 0


def decimal(number: Number) -> str:
    """A number with a power of ten (10 at least) as denominator as a decimal, else nothing."""
    places = next((n for n in range(1, 18) if 10**n % number.denominator == 0), 0)
    if not places or number.denominator % 10:
        return ""
    scale = 10**places
    digits = str(abs(number.numerator) * (scale // number.denominator)).rjust(places + 1, "0")
    sign = "-" if number.numerator < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}"
