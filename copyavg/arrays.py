"""One array library in, the same one out.

Every formula of `copyavg` is written once, on the Python array API: NumPy arrays give NumPy
arrays, torch tensors give torch tensors on the same device, and the two are never mixed.
"""

from decimal import Decimal
from numbers import Real
from typing import Any

import array_api_compat
import numpy as np

Array = Any  # a NumPy array or a torch tensor: whatever follows the array API
ArrayLike = Any  # an array, or Python numbers and sequences of them


def as_float_arrays(**values: Any) -> tuple[Any, list[Array]]:
    """Bring named values to floating-point arrays of one library; return its namespace too.

    Python numbers, fractions and decimals among them, and sequences join the library of the arrays
    beside them (NumPy if there are none). A floating dtype is kept, in this machine's order of bytes;
    what has none joins the first floating dtype beside it, or becomes float64.

    Parameters
    ----------
    **values : array-like
        The values by the names that an error message should use.

    Returns
    -------
    xp : module
        The array-API namespace of the values.
    arrays : list of arrays
        The values, in the order given.

    Raises
    ------
    TypeError
        If the values mix array libraries, are masked, or are not real numbers.
    ValueError
        If a sequence is ragged, or a number is too large for float64.

    Examples
    --------
    >>> xp, (r, u) = as_float_arrays(r=[1, 2], u=0.5)
    >>> r.dtype, u.shape
    (dtype('float64'), ())
    """
    values = {name: _as_plain(name, x) if isinstance(x, np.ndarray) else x for name, x in values.items()}
    libraries = {name: array_api_compat.array_namespace(value) for name, value in values.items() if _is_array(value)}
    if len(set(libraries.values())) > 1:
        given = ", ".join(f"{name} from {xp.__name__}" for name, xp in libraries.items())
        raise TypeError(f"all arrays must come from one library, but were given {given}")
    xp = next(iter(libraries.values()), array_api_compat.array_namespace(np.empty(0)))
    arrays = [values[name] for name in libraries]
    like = next((x for x in arrays if xp.isdtype(x.dtype, "real floating")), next(iter(arrays), None))
    return xp, [_as_float(name, value, xp, like) for name, value in values.items()]


def _as_float(name: str, value: Any, xp: Any, like: Array | None) -> Array:
    dtype = like.dtype if like is not None and xp.isdtype(like.dtype, "real floating") else xp.float64
    if not _is_array(value):
        device = None if like is None else array_api_compat.device(like)
        return xp.asarray(_as_float64(name, value), dtype=dtype, device=device)
    if xp.isdtype(value.dtype, "real floating"):
        return value
    if xp.isdtype(value.dtype, "integral"):
        return xp.astype(value, dtype)
    raise TypeError(f"{name} must be real numbers, but its dtype is {value.dtype}")


def _as_float64(name: str, value: Any) -> np.ndarray:
    """Numbers and sequences of them, also such as only Python knows."""
    try:
        given = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ValueError(f"{name} must be a number or a rectangular array, but was given {value!r}") from error
    if given.dtype.kind not in "iuf" and not (given.dtype.kind == "O" and all(map(_is_real, given.flat))):
        raise TypeError(f"{name} must be real numbers, but was given {value!r}")
    try:
        return given.astype(np.float64)
    except (OverflowError, ValueError) as error:
        raise ValueError(f"{name} must be numbers that float64 can hold, but was given {value!r}") from error


def _as_plain(name: str, value: np.ndarray) -> np.ndarray:
    """The array itself, neither masked nor of a subclass, its bytes in this machine's order."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{name} must be an array without a mask, but was given a masked array: fill or drop the masked"
        )
    value = np.asarray(value)
    if value.dtype.kind == "O":
        return _as_float64(name, value)
    return value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))


def _is_real(value: Any) -> bool:
    return isinstance(value, (Real, Decimal)) and not isinstance(value, bool)


def _is_array(value: Any) -> bool:
    """Whether the value brings a library with it; a NumPy scalar is a number like any other."""
    return array_api_compat.is_array_api_obj(value) and not isinstance(value, np.generic)


def to_numpy(x: Array) -> np.ndarray:
    """Return the values of an array of any library and on any device, of the same dtype.

    Examples
    --------
    >>> import torch
    >>> to_numpy(torch.ones(2, requires_grad=True))
    array([1., 1.], dtype=float32)
    """
    return x.detach().cpu().numpy() if array_api_compat.is_torch_array(x) else np.asarray(x)


def require_broadcast(**shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape that the named shapes broadcast to, or say which were given.

    Examples
    --------
    >>> require_broadcast(r1=(3, 1), r2=(), u=(4,))
    (3, 4)
    >>> require_broadcast(r1=(3,), u=(4,))
    Traceback (most recent call last):
    ValueError: the shapes must broadcast, but were given r1 with (3,), u with (4,)
    """
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError as error:
        given = ", ".join(f"{name} with {tuple(shape)}" for name, shape in shapes.items())
        raise ValueError(f"the shapes must broadcast, but were given {given}") from error


def require_whole(name: str, value: Any, least: int = 1) -> int:
    """Return `value` as an int, or say which whole number was needed.

    Examples
    --------
    >>> require_whole("k", 3)
    3
    >>> require_whole("k", 0)
    Traceback (most recent call last):
    ValueError: k must be a whole number of at least 1, but was given 0
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number of at least {least}, but was given {value!r}")
    if value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, but was given {value}")
    return int(value)
