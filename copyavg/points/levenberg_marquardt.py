"""A search for critical points of any kind: many students at once, each led to where its gradient vanishes."""

import numpy as np
from jaxtyping import Float

from copyavg.activations.base import Activation
from copyavg.landscape import gradient, hessian
from copyavg.network import Network


def levenberg_marquardt(
    students: Network, teacher: Network, activation: str | Activation = "erf", steps: int = 80
) -> Network:
    """Return where damped Newton steps lead a batch of students that minimise ‖∇L‖², by Levenberg and Marquardt.

    With gradient g and Hessian H a step is −(H² + λ)⁻¹ H g, with a damping λ of each student's own: smaller after a
    step that lowered ‖g‖, larger after one that would have raised it and is not taken. A student stays where no entry
    of its gradient is above 1e-13. Saddles attract as well as minima; whether a student arrived, its gradient says.

    Parameters
    ----------
    students : Network
        Of one batch dimension, in NumPy's float64.
    teacher : Network
        The teacher.
    activation : str or Activation
        As for `interaction`.
    steps : int
        Number of steps, taken or not.

    Examples
    --------
    >>> from copyavg.network import orthonormal_teacher
    >>> students = Network([[[0.5, 0.4]], [[0.9, -0.9]]], [[2.2], [0.2]])
    >>> ends = levenberg_marquardt(students, orthonormal_teacher(2))
    >>> ends.outgoing.round(6)  # an average, and a silent neuron
    array([[2.],
           [0.]])
    """

    def network(x: Float[np.ndarray, "batch weights"]) -> Network:
        return Network.from_vector(x, students.n)

    def slope(x: Float[np.ndarray, "batch weights"]) -> Float[np.ndarray, "batch weights"]:
        return gradient(network(x), teacher, activation).to_vector()

    x = students.to_vector()
    g, damping = slope(x), np.full(len(x), 0.01)
    for _ in range(steps):
        moving = np.abs(g).max(axis=1) > 1e-13
        h = hessian(network(x[moving]), teacher, activation)
        damped = h @ h + damping[moving, None, None] * np.eye(x.shape[1])
        trial = x[moving] - np.linalg.solve(damped, h @ g[moving, :, None])[..., 0]
        ahead = slope(trial)
        better = np.linalg.norm(ahead, axis=1) < np.linalg.norm(g[moving], axis=1)
        x[moving] = np.where(better[:, None], trial, x[moving])
        g[moving] = np.where(better[:, None], ahead, g[moving])
        damping[moving] = (damping[moving] * np.where(better, 0.2, 4)).clip(1e-14, 1e6)
    return network(x)
