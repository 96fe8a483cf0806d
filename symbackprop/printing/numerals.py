"""Numbers as people write them: small fractions as fractions, tenths and hundredths as decimals."""

from __future__ import annotations
