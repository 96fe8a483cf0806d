"""Shapes by unification: dimensions are classes that forward equations join."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symbackprop.notes.judge.values import MismatchError

__all__ = ["Dims", "Sh", "ShapeOps"]


@dataclass(frozen=True, slots=True)
class Sh:
    """The shape of a value: two dimensions, or none for a number."""

    shape: tuple[int, ...]

    def key(self) -> bytes:
        """What equal shapes share."""
        return str(self.shape).encode()


NUMBER = Sh(())


class Dims:
    """Classes of dimensions; class 0 is the dimension one, class 1 the batch."""

    ONE = 0
    BATCH = 1

    def __init__(self) -> None:
        self.parent = [0, 1]
        self.feature: set[int] = {1}
        self.sums: dict[int, tuple[int, ...]] = {}
        self.windows: list[tuple[int, tuple[int, int]]] = []

    def new(self, feature: bool = False) -> int:
        """A new dimension."""
        self.parent.append(len(self.parent))
        if feature:
            self.feature.add(len(self.parent) - 1)
        return len(self.parent) - 1

    def find(self, d: int) -> int:
        """The representative of a class."""
        while self.parent[d] != d:
            d = self.parent[d]
        return d

    def is_feature(self, d: int) -> bool:
        """Whether the dimension is known to be larger than one."""
        return self.find(d) in self.feature

    def is_one(self, d: int) -> bool:
        """Whether the dimension is known to be one."""
        return self.find(d) == self.ONE

    def join(self, a: int, b: int) -> None:
        """Make two dimensions one; a feature and the dimension one do not join."""
        a, b = self.find(a), self.find(b)
        if a == b:
            return
        if a > b:
            a, b = b, a
        if a == self.ONE and b in self.feature:
            raise MismatchError("a dimension of one meets a larger one")
        self.parent[b] = a
        if b in self.feature:
            self.feature.add(a)

    def fit_windows(self, sizes: dict[int, int]) -> None:
        """Give arrays that windows slide over the sizes that let every window fit."""
        whole = {self.find(d): parts for d, parts in self.windows}
        for _ in whole:
            for root, (a, b) in whole.items():
                sizes[root] = sizes.get(self.find(a), 1) + sizes.get(self.find(b), 1) - 1

    def save(self) -> tuple[list[int], set[int], dict[int, tuple[int, ...]]]:
        """The state, to come back to."""
        return list(self.parent), set(self.feature), dict(self.sums)

    def restore(self, state: tuple[list[int], set[int], dict[int, tuple[int, ...]]]) -> None:
        """Come back to a state."""
        self.parent, self.feature, self.sums = state


class ShapeOps:
    """The operations of evaluation on shapes; each joins what it needs equal."""

    def __init__(self) -> None:
        self.dims = Dims()
        self.biases: list[tuple[Sh, Sh]] = []

    def trying(self, attempt: Callable[[Sh, Sh], Sh], a: Sh, b: Sh) -> Sh:
        """Apply an operation; undo its joins when it does not conform."""
        state = self.dims.save()
        try:
            return attempt(a, b)
        except MismatchError:
            self.dims.restore(state)
            raise

    def number(self, value: float) -> Sh:
        """A number."""
        return NUMBER

    def equal(self, a: Sh, b: Sh) -> Sh:
        """Two shapes made one; a number equals what has two dimensions of one."""
        if a.shape == b.shape:
            return a
        if not a.shape or not b.shape:
            full = a if a.shape else b
            for d in full.shape:
                self.dims.join(d, Dims.ONE)
            return NUMBER
        for d, e in zip(a.shape, b.shape, strict=True):
            self.dims.join(d, e)
        return a

    def add(self, a: Sh, b: Sh) -> Sh:
        """The sum; a number is added to every entry."""
        if not a.shape or not b.shape:
            return a if a.shape else b
        return self.equal(a, b)

    def add_bias(self, a: Sh, b: Sh) -> Sh:
        """The sum with a bias, whose dimensions are settled when the batch is known."""
        if not b.shape or not a.shape:
            return a if a.shape else b
        self.biases.append((b, a))
        return a

    def multiply(self, a: Sh, b: Sh) -> Sh:
        """The product entry by entry."""
        return self.add(a, b)

    def scale(self, number: Sh, a: Sh) -> Sh:
        """A number times an array."""
        return a if a.shape else number

    def matmul(self, a: Sh, b: Sh) -> Sh:
        """The matrix product."""
        if not a.shape or not b.shape:
            raise MismatchError("a number has no matrix product")
        self.dims.join(a.shape[1], b.shape[0])
        return Sh((a.shape[0], b.shape[1]))

    def outer(self, a: Sh, b: Sh) -> Sh:
        """The outer product."""
        return Sh((a.shape[0], b.shape[0]))

    def divide(self, a: Sh, b: Sh) -> Sh:
        """The quotient."""
        return a if a.shape else b

    def transpose(self, a: Sh) -> Sh:
        """The transpose."""
        return Sh(a.shape[::-1])

    def negative(self, a: Sh) -> Sh:
        """The opposite."""
        return a

    def elementwise(self, f: object, slope: object, a: Sh) -> Sh:
        """A function of every entry."""
        return a

    def power(self, a: Sh, n: float) -> Sh:
        """A power of every entry."""
        return a

    def exp(self, a: Sh) -> Sh:
        """The exponential."""
        return a

    log = exp

    def total(self, a: Sh, axis: int | None = None) -> Sh:
        """The sum over all entries or an axis."""
        if axis is None or not a.shape:
            return NUMBER
        kept = list(a.shape)
        kept[axis] = Dims.ONE
        return Sh(tuple(kept))

    def diagonal(self, a: Sh) -> Sh:
        """The diagonal matrix of a vector."""
        if not a.shape:
            raise MismatchError("diag of a number")
        first, second = a.shape
        size = second if self.dims.is_one(first) else first
        return Sh((size, size))

    def stack(self, parts: Sequence[Sh], axis: int) -> Sh:
        """Arrays one after another: a new dimension."""
        full = [p for p in parts if p.shape]
        made = self.dims.new(feature=True)
        self.dims.sums[made] = tuple(p.shape[axis] if p.shape else Dims.ONE for p in parts)
        if not full:
            return Sh((made, Dims.ONE) if axis == 0 else (Dims.ONE, made))
        for other in full[1:]:
            self.dims.join(full[0].shape[1 - axis], other.shape[1 - axis])
        kept = full[0].shape[1 - axis]
        return Sh((made, kept) if axis == 0 else (kept, made))

    def maximum(self, parts: Sequence[Sh]) -> Sh:
        """The larger of several, entry by entry."""
        made = parts[0]
        for part in parts[1:]:
            made = self.add(made, part)
        return made
