"""Newton's method within a family: the critical points that have its symmetry, in a handful of unknowns."""

from itertools import chain

import numpy as np
from jaxtyping import Float

from copyavg.interactions.quadrature import QuadratureError

from .family import Family
from .isotypic import across_gauge, scaled_block


class NoCriticalPointError(ValueError):
    """No critical point was found where one was looked for.

    Examples
    --------
    >>> from copyavg import n_copy
    >>> n_copy(1, 3)
    Traceback (most recent call last):
    copyavg.points.newton.NoCriticalPointError: there is no n-copy point at n = 1, k = 3: …
    """


def critical_point(family: Family, start: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " parameters"]:
    """Return the critical point of a family that Newton's method reaches from `start`.

    Raises
    ------
    NoCriticalPointError
        If the method has not converged to rounding accuracy after 80 steps. It is a `ValueError`.

    Notes
    -----
    Steps are taken in the metric of the network's weights. For ReLU and other activations with a gauge they
    are taken across it, and the point has ‖w‖ = |a| for every neuron.

    Examples
    --------
    >>> from copyavg.points.family import copy_average_family
    >>> family = copy_average_family(2, 3)
    >>> critical_point(family, np.array([0.9, 0, 1.1, 0, 0.4, 2]))[[0, 2, 4, 5]].round(6)  # α, a, ε, b
    array([1.      , 1.      , 0.408248, 2.      ])
    """
    start = family.require_point(start)
    x, change = _balanced(family, start), np.inf
    try:
        for _ in range(80):
            step = _newton_step(family, x)
            x, before, change = _balanced(family, x - step), change, relative_change(family, step, x)
            if change <= 1e-8 and change >= before / 2:  # rounding is all that is left
                return x
            if not change <= 1e3:
                break
    except (QuadratureError, np.linalg.LinAlgError):
        pass
    raise NoCriticalPointError(
        f"Newton's method found no critical point of the family of {family.n} student and {family.k} teacher "
        f"neurons ({family.activation.name}) from {start}"
    )


def relative_change(
    family: Family, step: Float[np.ndarray, " parameters"], x: Float[np.ndarray, " parameters"]
) -> float:
    """Return how large a step is: the largest change of any neuron's incoming or outgoing weights, relative to them.

    Examples
    --------
    >>> from copyavg.points.family import n_copy_family
    >>> relative_change(n_copy_family(2, 3), np.array([0.0, 0.03, 0.0, 0.1]), np.array([3.0, 0.0, 4.0, 2.0]))
    0.05
    """
    lengths, changes = np.sqrt(family.counts), []
    for part in chain(*_parts(family)):
        size = float(np.linalg.norm((lengths * x)[part]))
        changes.append(float(np.linalg.norm((lengths * step)[part])) / max(size, 1e-300))
    return max(changes)


def _newton_step(family: Family, x: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " parameters"]:
    """In the metric of the network's weights, every direction scaled by its own curvature, and across the gauge."""
    lengths = np.sqrt(family.counts)
    basis = across_gauge(family, x, np.eye(len(x)))
    gradient, hessian = family.derivatives(x)
    scale, scaled = scaled_block(basis.T @ (hessian / np.outer(lengths, lengths)) @ basis)
    slope = scale * (basis.T @ (gradient / lengths))
    return basis @ (scale * np.linalg.solve(scaled, slope)) / lengths


def _balanced(family: Family, x: Float[np.ndarray, " parameters"]) -> Float[np.ndarray, " parameters"]:
    """For an activation with a gauge the same function with ‖w‖ = |a|; else the point itself."""
    if not family.has_gauge:
        return x
    x = x.copy()
    for incoming, outgoing in _parts(family):
        length = np.linalg.norm(np.sqrt(family.counts[incoming] / family.counts[outgoing]) * x[incoming])
        size = np.abs(x[outgoing])
        if length > 0 and size > 0:
            x[incoming] *= np.sqrt(size / length)
            x[outgoing] *= np.sqrt(length / size)
    return x


def _parts(family: Family) -> list[tuple[list[int], list[int]]]:
    """For every cell of neurons, which parameters are incoming weights, and which is the outgoing one."""
    parts = [([], []) for _ in family.members]
    for i, orbit in enumerate(family.orbits):
        parts[orbit.neuron][orbit.kind == "outgoing"].append(i)
    return parts
