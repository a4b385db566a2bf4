"""The named activations. A new one is a file like `erf`, and a line here."""

from .base import Activation
from .erf import ERF
from .gelu import GELU
from .logistic import SIGMOID, SILU, SOFTPLUS, TANH
from .relu import RELU


def get_activation(activation: str | Activation) -> Activation:
    """Return the `Activation` of that name; an `Activation` is returned as it is.

    Parameters
    ----------
    activation : str or Activation
        A name, or an `Activation`.

    Raises
    ------
    ValueError
        If no activation has that name.
    TypeError
        If `activation` is neither a name nor an `Activation`.

    Examples
    --------
    >>> get_activation("erf").name
    'erf'
    """
    if isinstance(activation, Activation):
        return activation
    if isinstance(activation, str) and activation in NAMED:
        return NAMED[activation]
    known = ", ".join(map(repr, NAMED))
    message = f"activation must be one of {known}, or an Activation, but was given {activation!r}"
    raise ValueError(message) if isinstance(activation, str) else TypeError(message)


NAMED = {activation.name: activation for activation in (ERF, RELU, TANH, SIGMOID, SOFTPLUS, GELU, SILU)}


def is_tested(activation: Activation) -> bool:
    """Whether the activation is a named one, under whatever name: what is found of one is kept, not of a reader's own.

    Examples
    --------
    >>> is_tested(get_activation("tanh")), is_tested(Activation("own", TANH.function))
    (True, False)
    """
    return any(activation.is_like(named) for named in NAMED.values())


def named_activations() -> dict[str, Activation]:
    """Return all named activations, by their names.

    Examples
    --------
    >>> list(named_activations())
    ['erf', 'relu', 'tanh', 'sigmoid', 'softplus', 'gelu', 'silu']
    """
    return dict(NAMED)
