"""What an activation is: its function, its derivatives, and its interaction in closed form, if it has one."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import array_api_compat
import numpy as np
from jaxtyping import Float

from copyavg.arrays import Array, to_numpy


class OrderParameters(NamedTuple):
    """Norms r₁, r₂ ≥ 0, correlation u ∈ [−1, 1] and v = 1 − u² of two neurons; they broadcast."""

    r1: Float[Array, "*#pairs"]
    r2: Float[Array, "*#pairs"]
    u: Float[Array, "*#pairs"]
    v: Float[Array, "*#pairs"]


class PairTerms(NamedTuple):
    """The interaction of two neurons and the coefficients of its derivatives, up to the order asked for."""

    value: Float[Array, "*pairs"]  # E[σσ]
    own: Float[Array, "*pairs"] | None = None  # E[σ″σ]
    cross: Float[Array, "*pairs"] | None = None  # E[σ′σ′]
    own_ww: Float[Array, "*pairs"] | None = None
    own_wm: Float[Array, "*pairs"] | None = None
    own_mm: Float[Array, "*pairs"] | None = None
    cross_wp: Float[Array, "*pairs"] | None = None
    cross_wm: Float[Array, "*pairs"] | None = None
    cross_mp: Float[Array, "*pairs"] | None = None
    cross_mm: Float[Array, "*pairs"] | None = None


@dataclass(frozen=True)
class Activation:
    """An activation function σ, with what is known of its interaction.

    Parameters
    ----------
    name : str
        What error messages call it.
    function : callable
        σ itself, elementwise, array in, array of the same dtype out. One that takes NumPy arrays suffices unless
        torch is to be used; one that takes only torch tensors is given NumPy's as tensors.
    derivatives : pair of callables, optional
        σ′ and σ″, which are compared with σ when they are used. Without them they are taken by differences, and
        refused where these are not accurate.
    closed_form : callable, optional
        (`OrderParameters`, order) → `PairTerms` with the derivatives up to that order (0, 1 or 2).
        Without it interactions are computed by a Hermite series or by quadrature, with an error estimate.

    Raises
    ------
    TypeError
        If `name` is no string, `function` or `closed_form` no function, or `derivatives` are not two.

    Examples
    --------
    An activation of one's own:

    >>> import numpy as np
    >>> from copyavg import interaction
    >>> sine = Activation("sine", np.sin)
    >>> float(np.round(interaction(1.0, 1.0, 0.5, sine), 10))  # e⁻¹ sinh(1/2)
    0.1917002498
    """

    name: str
    function: Callable[[Array], Array]
    derivatives: tuple[Callable[[Array], Array], Callable[[Array], Array]] | None = None
    closed_form: Callable[[OrderParameters, int], PairTerms] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"name must be a string, but was given {self.name!r}")
        if not callable(self.function):
            raise TypeError(f"function must be a function, σ, but was given {self.function!r}")
        if self.closed_form is not None and not callable(self.closed_form):
            raise TypeError(
                f"closed_form must be a function of OrderParameters and an order, but was given {self.closed_form!r}"
            )
        if self.derivatives is None:
            return
        given = tuple(self.derivatives) if isinstance(self.derivatives, Sequence) else (self.derivatives,)
        if len(given) != 2 or not all(map(callable, given)):
            raise TypeError(f"derivatives must be two functions, σ′ and σ″, but was given {self.derivatives!r}")
        object.__setattr__(self, "derivatives", given)


PRIMES = ("σ", "σ′", "σ″")


def evaluate(activation: Activation, x: Array, order: int = 0) -> Array:
    """Return σ(x), or the derivative σ′ or σ″ that was given, as an array of the library, shape and dtype of x.

    A function that takes only torch tensors gets a NumPy array as a tensor, if torch has been imported, and its
    result comes back as an array. It works on a copy of x. Values need not be finite, and overflow is no warning.

    Parameters
    ----------
    activation : Activation
        The activation.
    x : array
        Where; of any library.
    order : int
        0 for σ; 1 or 2 for a derivative, which must have been given.

    Raises
    ------
    TypeError
        If the function fails, or returns anything else than an array of the shape and dtype of x.

    Examples
    --------
    >>> evaluate(TANH, np.zeros(2), 1)
    array([1., 1.])
    """
    what, function = PRIMES[order], (activation.function, *(activation.derivatives or ()))[order]
    needs = f"{activation.name}: {what} must map an array to an array of the same shape and dtype, elementwise"
    with np.errstate(all="ignore"):
        try:
            values = function(x + 0)
        except (TypeError, ValueError, AttributeError) as error:
            values = _by_tensors(function, x)
            if values is None:
                raise TypeError(f"{needs}, but given shape {tuple(x.shape)} it raised: {error}") from error
    if isinstance(x, np.ndarray) and array_api_compat.is_torch_array(values):
        values = to_numpy(values)
    if not isinstance(values, type(x)):
        raise TypeError(f"{needs}, but given a {type(x).__name__} it returned a {type(values).__name__}")
    if values.shape != x.shape or values.dtype != x.dtype:
        given, returned = (f"shape {tuple(y.shape)} of {y.dtype}" for y in (x, values))
        raise TypeError(f"{needs}: given {given} it returned {returned}")
    return values


def _by_tensors(function: Callable[[Array], Array], x: Array) -> Array | None:
    """What a function that fails on NumPy arrays makes of a tensor, or None."""
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(x, np.ndarray):
        return None
    try:
        return function(torch.asarray(x + 0))
    except (TypeError, ValueError, AttributeError, RuntimeError):
        return None


def has_gauge(activation: Activation) -> bool:
    """Whether σ(cx) = cσ(x) for c > 0, so that (w, a) → (cw, a/c) leaves a neuron as it is.

    Raises
    ------
    TypeError
        As `evaluate`, of an activation that is none.

    Examples
    --------
    >>> has_gauge(RELU), has_gauge(ERF)
    (True, False)
    """
    x = np.linspace(-3.1, 2.9, 13)
    with np.errstate(all="ignore"):
        return bool(np.allclose(evaluate(activation, 4 * x), 4 * evaluate(activation, x), rtol=1e-14, atol=0))
