"""Functions without a definition: an elementwise g, a vector activation f, a loss Div(Y, d)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sympy import Expr

from symbackprop.errors import InvalidExpressionError
from symbackprop.frontend.comprehend import elementwise
from symbackprop.frontend.names import check_name
from symbackprop.frontend.record import Unknown
from symbackprop.frontend.tensor import Tensor
from symbackprop.scalars import placeholder
from symbackprop.scalars.opaque import Opaque
from symbackprop.sizes import Size, as_size


def opaque(name: str) -> Callable[..., Tensor]:
    """An elementwise function without a definition: ``opaque("g")(z)``, with the derivative g'."""
    check_name(name, "function")

    def applied(*operands: Tensor) -> Tensor:
        _check_operands(name, operands)
        body = Opaque(name, (0,) * len(operands), *(placeholder(k) for k in range(len(operands))))
        return elementwise(name, body, operands)

    return applied


def opaque_tensor(
    name: str, shape: Sequence[int | str | Expr] | None = None
) -> Callable[..., Tensor]:
    """An unnamed function of whole tensors; its result has the shape of the first by default."""
    check_name(name, "function")
    sizes = None if shape is None else tuple(as_size(size) for size in shape)

    def applied(*operands: Tensor) -> Tensor:
        _check_operands(name, operands)
        return _unknown(name, operands, operands[0].shape if sizes is None else sizes)

    return applied


def opaque_loss(name: str) -> Callable[..., Tensor]:
    """An unnamed scalar function of whole tensors: ``opaque_loss("Div")(Y, d)``."""
    return opaque_tensor(name, ())


def _unknown(name: str, operands: Sequence[Tensor], shape: Sequence[Size]) -> Tensor:
    return Tensor(shape, Unknown(name, tuple(operands)))


def _check_operands(name: str, operands: Sequence[Tensor]) -> None:
    if not operands or not all(isinstance(x, Tensor) for x in operands):
        found = ", ".join(type(x).__name__ for x in operands) or "nothing"
        raise InvalidExpressionError(f"{name}: expected tensors, found {found}")
