"""Where σ has a gauge, as ReLU has, L has a kink at w = 0; how gradient flow goes on when a neuron arrives there.

A neuron with a² > ‖w‖² can never change the sign of a, for a² − ‖w‖² is conserved; but w may reach 0, after finite
time. Along a unit vector ŵ the loss leaves w = 0 with the slope

    s(ŵ) = 2 a E[(f − f*) σ(ŵ·x)],

f being the student without this neuron. If no slope is negative, the neuron stays there, with a as it is: it is dead.
It revives, along the steepest descent, when the others have changed so much that a slope is negative. That is the curve
of maximal slope: the loss falls as fast as it can.
"""

import numpy as np
from jaxtyping import Bool, Float

from copyavg.activations.base import Activation
from copyavg.interactions.pairs import interaction
from copyavg.landscape import gradient
from copyavg.network import Network

_STEPS = 12  # of descent on the sphere, from each of the best
_BEST = 3  # candidates


def least_slope(
    student: Network, teacher: Network, activation: Activation, i: int
) -> tuple[float, Float[np.ndarray, " d"]]:
    """Return the least slope of L where neuron i leaves w = 0, for its outgoing weight as it is, and the direction.

    The best directions of ±wⱼ and ±vⱼ (neuron i with its own direction, if it has one) are followed downhill on the
    sphere: a local minimum, and as far as we know the least.

    Examples
    --------
    >>> from copyavg import Network, orthonormal_teacher
    >>> from copyavg.activations.relu import RELU
    >>> slope, direction = least_slope(Network([[0.0, 0.0]], [-1.0]), orthonormal_teacher(2), RELU, 0)
    >>> print(round(slope, 4), direction.round(4))  # against both neurons of the teacher, the least of harms
    0.0966 [-0.7071 -0.7071]
    """
    w, a = student.incoming, float(student.outgoing[i])
    own = 2 * float(interaction(1.0, 1.0, 1.0, activation))

    def slopes(directions: Float[np.ndarray, "m d"]) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, "m d"]]:
        """Slopes, and how they change on the sphere: ∂L/∂aᵢ = s/aᵢ + 2aᵢ g(1, 1, 1) at wᵢ = ŵ, here with aᵢ = 1."""
        incoming, outgoing = np.tile(w, (len(directions), 1, 1)), student.outgoing.copy()
        incoming[:, i], outgoing[i] = directions, 1.0
        g = gradient(Network.unchecked(incoming, np.tile(outgoing, (len(directions), 1))), teacher, activation)
        turning = a * g.incoming[:, i]
        turning -= np.sum(turning * directions, axis=1, keepdims=True) * directions
        return a * (g.outgoing[:, i] - own), turning

    rows = np.concatenate([w, teacher.incoming])
    norms = np.linalg.norm(rows, axis=1)
    rows = rows[norms > 0] / norms[norms > 0, None]
    rows = np.concatenate([rows, -rows, -np.mean(teacher.incoming, axis=0, keepdims=True)])
    rows[-1] /= np.linalg.norm(rows[-1])
    values, turning = slopes(rows)
    best = np.argsort(values)[:_BEST]
    rows, values, turning = rows[best], values[best], turning[best]
    step = np.full(len(best), 1 / max(abs(a), 1e-300))
    for _ in range(_STEPS):
        ahead = rows - step[:, None] * turning
        ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
        values_ahead, turning_ahead = slopes(ahead)
        lower = values_ahead < values
        rows[lower], values[lower], turning[lower] = ahead[lower], values_ahead[lower], turning_ahead[lower]
        step *= np.where(lower, 1.5, 0.4)
    least = int(np.argmin(values))
    return float(values[least]), rows[least]


def settle(
    student: Network,
    force: Network,
    dead: Bool[np.ndarray, " n"],
    teacher: Network,
    activation: Activation,
    accuracy: float,
) -> tuple[Network, Bool[np.ndarray, " n"]] | None:
    """Let neurons die that have come to w = 0, and leave that may; return the student and who is dead.

    `force` is −∇L. A neuron has come to w = 0 if ‖w‖ ≤ accuracy |a| and it shrinks. It may leave, at once or later, if
    a slope is below −accuracy, and starts with ‖w‖ = 2 accuracy |a|. None if nothing changes.
    """
    w, a = student.incoming, student.outgoing
    shrinks = np.sum(w * force.incoming, axis=1) < 0
    near = ~dead & shrinks & (np.linalg.norm(w, axis=1) <= accuracy * np.abs(a))
    incoming, now = w.copy(), dead | near
    incoming[now] = 0.0
    for i in np.flatnonzero(now).tolist():
        slope, direction = least_slope(Network.unchecked(incoming, a), teacher, activation, i)
        if slope < -accuracy:
            now[i], incoming[i] = False, 2 * accuracy * abs(a[i]) * direction
    if not near.any() and np.array_equal(now, dead):
        return None
    return Network.unchecked(incoming, a), now
