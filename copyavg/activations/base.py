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
    """What the interaction of two neurons depends on. They broadcast.

    Parameters
    ----------
    r1, r2 : array
        The norms r₁, r₂ ≥ 0.
    u : array
        The correlation u ∈ [−1, 1].
    v : array
        1 − u², which cannot be recovered from u without loss of digits once the neurons are nearly parallel.

    Examples
    --------
    >>> p = OrderParameters(np.ones(1), np.ones(1), np.array([0.5]), np.array([0.75]))
    >>> p.u + p.v
    array([1.25])
    """

    r1: Float[Array, "*#pairs"]
    r2: Float[Array, "*#pairs"]
    u: Float[Array, "*#pairs"]
    v: Float[Array, "*#pairs"]


class PairTerms(NamedTuple):
    """The interaction of two neurons and the coefficients of its derivatives, up to the order asked for; others None.

    Parameters
    ----------
    value : array
        E[σ(r₁x) σ(r₂y)].
    own, cross : array, optional
        Of order 1: E[σ″σ] and E[σ′σ′], the coefficients of w and p in ∂G/∂w.
    own_ww, own_wm, own_mm, cross_wp, cross_wm, cross_mp, cross_mm : array, optional
        Of order 2: see `copyavg.activations`, which says what each of them multiplies.

    Examples
    --------
    σ(x) = x has the interaction r₁r₂u = w·p, of which ∂/∂w is p:

    >>> def closed_form(p, order):
    ...     value = p.r1 * p.r2 * p.u
    ...     return PairTerms(value, 0 * value, 0 * value + 1) if order else PairTerms(value)
    >>> from copyavg import interaction
    >>> float(interaction(2.0, 3.0, 0.5, Activation("linear", lambda x: x, closed_form=closed_form)))
    3.0
    """

    value: Float[Array, "*pairs"]
    own: Float[Array, "*pairs"] | None = None
    cross: Float[Array, "*pairs"] | None = None
    own_ww: Float[Array, "*pairs"] | None = None
    own_wm: Float[Array, "*pairs"] | None = None
    own_mm: Float[Array, "*pairs"] | None = None
    cross_wp: Float[Array, "*pairs"] | None = None
    cross_wm: Float[Array, "*pairs"] | None = None
    cross_mp: Float[Array, "*pairs"] | None = None
    cross_mm: Float[Array, "*pairs"] | None = None


AT_INFINITY = ("ReLU", "step", "sign")
PRIMES = ("σ", "σ′", "σ″")


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
    hermite : callable, optional
        (r, count) → the Hermite coefficients cₚ(r) = E[σ(rx) heₚ(x)] of the orders p < count, and dcₚ/dr, two arrays of
        NumPy; for one that has a closed form. Without it they are integrated.
    odd : bool, optional
        Whether σ(−x) = −σ(x), so that (w, a) → (−w, −a) leaves a neuron as it is. Found on a few points unless given.
    homogeneous : bool, optional
        Whether σ(cx) = cσ(x) for c > 0, so that (w, a) → (cw, a/c) leaves a neuron as it is: the gauge. Found on a few
        points unless given.
    at_infinity : str, optional
        What σ(rx) looks like for large r, up to a factor: one of `AT_INFINITY`, "ReLU", "step" or "sign". With one of
        the last two, a closed form is given r = ∞ as well.
    exact_averages : bool
        Whether copy-average points are critical in erf's closed form, wᵢ = Σ vⱼ/√(m(2m − 1)), aᵢ = m.

    Raises
    ------
    TypeError
        If `name` is no string, `function`, `closed_form` or `hermite` no function, `derivatives` are not two, or a fact
        that is true or false is neither.
    ValueError
        If `at_infinity` is no name that is known, or `hermite` is given without `closed_form`.

    Notes
    -----
    The name is for messages alone: an activation with the functions and facts of erf is erf, whatever it is called.

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
    odd: bool | None = None
    homogeneous: bool | None = None
    at_infinity: str | None = None
    exact_averages: bool = False
    hermite: Callable[[float, int], tuple[np.ndarray, np.ndarray]] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"name must be a string, but was given {self.name!r}")
        if not callable(self.function):
            raise TypeError(f"function must be a function, σ, but was given {self.function!r}")
        if self.closed_form is not None and not callable(self.closed_form):
            raise TypeError(
                f"closed_form must be a function of OrderParameters and an order, but was given {self.closed_form!r}"
            )
        if self.hermite is not None and not callable(self.hermite):
            raise TypeError(f"hermite must be a function of a norm and a count, but was given {self.hermite!r}")
        if self.hermite is not None and self.closed_form is None:
            raise ValueError("hermite goes with a closed form, but closed_form was not given")
        for fact, kinds in (("odd", bool | None), ("homogeneous", bool | None), ("exact_averages", bool)):
            if not isinstance(getattr(self, fact), kinds):
                raise TypeError(f"{fact} must be True or False, but was given {getattr(self, fact)!r}")
        if self.at_infinity not in (None, *AT_INFINITY):
            known = ", ".join(map(repr, AT_INFINITY))
            raise ValueError(f"at_infinity must be one of {known}, or None, but was given {self.at_infinity!r}")
        if self.derivatives is None:
            return
        given = tuple(self.derivatives) if isinstance(self.derivatives, Sequence) else (self.derivatives,)
        if len(given) != 2 or not all(map(callable, given)):
            raise TypeError(f"derivatives must be two functions, σ′ and σ″, but was given {self.derivatives!r}")
        object.__setattr__(self, "derivatives", given)

    def is_like(self, other: "Activation") -> bool:
        """Whether this is the other one, under whatever name: its function, derivatives and closed form are the same.

        Examples
        --------
        >>> from dataclasses import replace
        >>> from copyavg import get_activation
        >>> erf = get_activation("erf")
        >>> replace(erf, name="mine").is_like(erf), get_activation("tanh").is_like(erf)
        (True, False)
        """
        return (self.function, self.derivatives, self.closed_form) == (
            other.function,
            other.derivatives,
            other.closed_form,
        )


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
    >>> evaluate(Activation("sine", np.sin, (np.cos, lambda x: -np.sin(x))), np.zeros(2), 1)
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


def evaluate_numbers(activation: Activation, x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Return σ(x) as `evaluate`, or say where it is NaN; infinite values are left to the caller."""
    values = evaluate(activation, x)
    if np.isnan(values).any():
        raise ValueError(f"{activation.name}: σ is not a number at {x[np.isnan(values)][0]:g}")
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


def is_odd(activation: Activation) -> bool:
    """Whether σ(−x) = −σ(x): the fact that was given, or what a few points say.

    Raises
    ------
    TypeError, ValueError
        As `evaluate`, of an activation that is none, and of one that is NaN on these points.

    Examples
    --------
    >>> is_odd(Activation("sine", np.sin)), is_odd(Activation("cosine", np.cos))
    (True, False)
    """
    if activation.odd is not None:
        return activation.odd
    x = np.linspace(0.1, 3.1, 11)
    return bool(np.allclose(evaluate_numbers(activation, -x), -evaluate_numbers(activation, x), rtol=1e-12, atol=0))


def has_gauge(activation: Activation) -> bool:
    """Whether σ(cx) = cσ(x) for c > 0: the fact that was given, or what a few points say.

    Raises
    ------
    TypeError
        As `evaluate`, of an activation that is none.

    Examples
    --------
    >>> has_gauge(Activation("size", np.abs)), has_gauge(Activation("sine", np.sin))
    (True, False)
    """
    if activation.homogeneous is not None:
        return activation.homogeneous
    x = np.linspace(-3.1, 2.9, 13)
    with np.errstate(all="ignore"):
        return bool(np.allclose(evaluate(activation, 4 * x), 4 * evaluate(activation, x), rtol=1e-14, atol=0))
