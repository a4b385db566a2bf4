"""Networks with one hidden layer: f(x) = Σᵢ aᵢ σ(wᵢ·x), singly or in batches."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import array_api_compat
import numpy as np
from jaxtyping import Float

from .arrays import Array, ArrayLike, as_float_arrays, require_whole

MOST_WEIGHTS = 10**8  # incoming, of a teacher, a configuration or drawn students that are written out: 800 MB


@dataclass(frozen=True, eq=False, init=False, repr=False)
class Network:
    """A network with one hidden layer and no biases, f(x) = Σᵢ aᵢ σ(wᵢ·x), or a batch of them.

    The activation σ is not part of the network: functions such as `loss` take it as an argument. A network is equal
    to itself alone; compare the weights of two.

    Parameters
    ----------
    incoming : array, shape (..., n, d)
        The incoming weight vectors wᵢ, one row a neuron.
    outgoing : array, shape (..., n)
        The outgoing weights aᵢ.

    Raises
    ------
    ValueError
        If the shapes do not fit, a dimension n or d is zero, or a weight is not finite or beyond 4e61
        (4e7 in float32), where products of four weights overflow.
    TypeError
        If the two arrays come from different libraries, have different floating dtypes, are masked, or are
        not real numbers.

    Examples
    --------
    >>> network = Network([[1, 0, 0], [0, 2, 0]], [1, -1])
    >>> network.n, network.d, network.batch_shape
    (2, 3, ())
    """

    incoming: Float[Array, "*batch n d"]
    outgoing: Float[Array, "*batch n"]

    def __init__(self, incoming: ArrayLike, outgoing: ArrayLike) -> None:
        xp, (incoming, outgoing) = as_float_arrays(incoming=incoming, outgoing=outgoing)
        if incoming.ndim < 2 or incoming.shape[:-1] != outgoing.shape:
            raise ValueError(
                "incoming must have shape (..., n, d) and outgoing the same (..., n), "
                f"but were given {tuple(incoming.shape)} and {tuple(outgoing.shape)}"
            )
        if 0 in incoming.shape[-2:]:
            raise ValueError(f"n and d must be at least 1, but incoming has shape {tuple(incoming.shape)}")
        if incoming.dtype != outgoing.dtype:
            raise TypeError(
                f"incoming and outgoing must share a dtype, but were given {incoming.dtype} and {outgoing.dtype}"
            )
        largest = float(xp.finfo(incoming.dtype).max) ** 0.2  # 4e61 in float64: beyond, products overflow
        for name, weights in (("incoming", incoming), ("outgoing", outgoing)):
            if not bool(xp.all(xp.abs(weights) <= largest)):
                raise ValueError(
                    f"every weight must be finite and at most {largest:.0e}, but {name} holds an infinity, a NaN "
                    "or a larger number"
                )
        object.__setattr__(self, "incoming", incoming)
        object.__setattr__(self, "outgoing", outgoing)

    @classmethod
    def unchecked(cls, incoming: Array, outgoing: Array) -> "Network":
        """Return a network of arrays that are known to fit, such as a gradient; it may hold any value."""
        network = object.__new__(cls)
        object.__setattr__(network, "incoming", incoming)
        object.__setattr__(network, "outgoing", outgoing)
        return network

    @classmethod
    def from_vector(cls, vector: Float[Array, "*batch N"], n: int) -> "Network":
        """Return the network of n neurons whose weights these are, in the order of `to_vector`; it may hold any value.

        Raises
        ------
        ValueError
            If N is not n(d + 1) for a dimension d of at least one.
        """
        n, size = require_whole("n", n), vector.shape[-1]
        if size % n or size < 2 * n:
            raise ValueError(f"n neurons have n(d + 1) weights, but were given {size} for n = {n}")
        xp = array_api_compat.array_namespace(vector)
        incoming = xp.reshape(vector[..., :-n], (*vector.shape[:-1], n, size // n - 1))
        return cls.unchecked(incoming, vector[..., -n:])

    def to_vector(self) -> Float[Array, "*batch N"]:
        """Return all N = n(d + 1) weights in a row, in the order of the Hessian: incoming row by row, then outgoing.

        Examples
        --------
        >>> Network([[1, 2], [3, 4]], [5, 6]).to_vector()
        array([1., 2., 3., 4., 5., 6.])
        """
        xp = array_api_compat.array_namespace(self.incoming)
        incoming = xp.reshape(self.incoming, (*self.batch_shape, self.n * self.d))
        return xp.concat([incoming, self.outgoing], axis=-1)

    @property
    def n(self) -> int:
        """Number of hidden neurons."""
        return self.incoming.shape[-2]

    @property
    def d(self) -> int:
        """Input dimension."""
        return self.incoming.shape[-1]

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Shape of the batch; () for a single network."""
        return tuple(self.incoming.shape[:-2])

    def __repr__(self) -> str:
        batch = f", batch_shape={self.batch_shape}" if self.batch_shape else ""
        return f"Network(n={self.n}, d={self.d}{batch})"


def require_room(*shape: int, instead: str = "") -> None:
    """Refuse incoming weights of a shape with more than `MOST_WEIGHTS` entries, before any work is done for them.

    Examples
    --------
    >>> require_room(10**4, 10**4)
    >>> require_room(10**5, 10**5)
    Traceback (most recent call last):
    ValueError: 100000 × 100000 incoming weights are too many to be written out, as they are more than 10⁸
    """
    if prod(shape) > MOST_WEIGHTS:
        most = "10⁸" if MOST_WEIGHTS == 10**8 else MOST_WEIGHTS
        size = " × ".join(map(str, shape))
        raise ValueError(
            f"{size} incoming weights are too many to be written out, as they are more than {most}{instead}"
        )


def orthonormal_teacher(k: int, d: int | None = None) -> Network:
    """Return the unit-orthonormal teacher: vⱼ = the j-th unit vector of ℝᵈ, bⱼ = 1, for j ≤ k.

    Gaussian input looks the same in every orthonormal basis, so this is every unit-orthonormal
    teacher up to a rotation of the input.

    Parameters
    ----------
    k : int
        Number of teacher neurons, at least 1.
    d : int, optional
        Input dimension, at least k; k unless given.

    Raises
    ------
    ValueError
        If k < 1 or d < k: there are no k orthonormal vectors in fewer than k dimensions. If there are more than 10⁸
        incoming weights.

    Examples
    --------
    >>> orthonormal_teacher(2, d=3).incoming
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """
    k = require_whole("k", k)
    d = k if d is None else require_whole("d", d)
    if d < k:
        raise ValueError(f"d must be at least k for the teacher's weights to be orthonormal, but d = {d} and k = {k}")
    require_room(k, d)
    return Network(np.eye(k, d), np.ones(k))


def random_student(
    n: int, d: int, rng: np.random.Generator, batch: int | Sequence[int] = (), init: str = "glorot"
) -> Network:
    """Draw students at random: wᵢ ~ N(0, 2/(n+d) I), aᵢ ~ N(0, 2/(n+1)), all independent.

    Parameters
    ----------
    n, d : int
        Number of hidden neurons and input dimension.
    rng : numpy.random.Generator
        Where the randomness comes from.
    batch : int or tuple of int, optional
        Shape of the batch of students; one student unless given.
    init : {"glorot"}
        The distribution: Glorot and Bengio's normal initialisation.

    Raises
    ------
    TypeError
        If `rng` is not a NumPy Generator.
    ValueError
        If n, d or a batch size is not positive, there are more than 10⁸ incoming weights, or `init` is unknown.

    Examples
    --------
    >>> random_student(3, 5, np.random.default_rng(0), batch=8)
    Network(n=3, d=5, batch_shape=(8,))
    """
    n, d = require_whole("n", n), require_whole("d", d)
    if not isinstance(batch, (int, np.integer, Sequence)):
        raise TypeError(f"batch must be a whole number or a tuple of them, but was given {batch!r}")
    sizes = batch if isinstance(batch, Sequence) else [batch]
    shape = tuple(require_whole("batch", size) for size in sizes)
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a numpy.random.Generator, such as np.random.default_rng(0), not {_kind(rng)}")
    if init != "glorot":
        raise ValueError(f"init must be 'glorot', but was given {init!r}")
    require_room(*shape, n, d)
    incoming = rng.normal(scale=(2 / (n + d)) ** 0.5, size=(*shape, n, d))
    outgoing = rng.normal(scale=(2 / (n + 1)) ** 0.5, size=(*shape, n))
    return Network(incoming, outgoing)


def balanced(
    incoming: Float[np.ndarray, "n d"], outgoing: Float[np.ndarray, " n"]
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, " n"]]:
    """Return the weights with ‖wᵢ‖ = |aᵢ| of the same function, for σ with the gauge (w, a) → (cw, a/c), c > 0.

    A neuron with w = 0 or a = 0 has no such weights and keeps its own.

    Examples
    --------
    >>> balanced(np.array([[3.0, 4.0]]), np.array([0.2]))
    (array([[0.6, 0.8]]), array([1.]))
    """
    r = np.linalg.norm(incoming, axis=1)
    scale = np.sqrt(np.divide(np.abs(outgoing), r, out=np.ones_like(outgoing), where=(r > 0) & (outgoing != 0)))
    return scale[:, None] * incoming, outgoing / scale


def _kind(value: Any) -> str:
    return type(value).__name__


def max_norm(network: Network) -> float:
    """Return the largest absolute weight of a network or batch, ‖·‖∞: of a gradient, how far from critical.

    Parameters
    ----------
    network : Network
        A network or a batch; a gradient, for example.

    Examples
    --------
    >>> max_norm(Network([[1.0, -3.0]], [2.0]))
    3.0
    """
    xp: Any = array_api_compat.array_namespace(network.incoming)
    norms = [float(xp.max(xp.abs(weights))) for weights in (network.incoming, network.outgoing)]
    return float(np.max(norms))  # unlike Python's max, it does not lose a NaN
