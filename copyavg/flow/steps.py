"""Two ways to take a step along gradient flow θ̇ = −∇L.

- *Chebyshev* steps (Runge–Kutta–Chebyshev of order 2), explicit, while few stages are enough for stability;
- *Rosenbrock* steps (Rodas, of order 4), linearly implicit: every stage solves (H + 1/(γh)) u = r by conjugate
  gradients, and a direction of negative curvature met on the way shortens the step.
"""

import math

import numpy as np
from numba import types

from .compiled import compiled
from .field import POINT, PROBLEM
from .linear import SUCCEEDED

MOST_STAGES = 40  # of a Chebyshev step, before Rosenbrock steps take over
_SOLVED, _SEEN = 0.1, 1e-3  # accuracy of a Rosenbrock stage, as a part of the step's tolerance and of the force

# Rodas, as transformed by Hairer and Wanner, Solving Ordinary Differential Equations II, section IV.7: γ = ¼.
GAMMA = 0.25
STAGES_STATE = np.array([
    [0, 0, 0, 0, 0],
    [1.544, 0, 0, 0, 0],
    [0.9466785280815826, 0.2557011698983284, 0, 0, 0],
    [3.314825187068521, 2.896124015972201, 0.9986419139977817, 0, 0],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 0],
    [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1],
])  # fmt: skip
STAGES_FORCE = np.array([
    [0, 0, 0, 0, 0],
    [-5.6688, 0, 0, 0, 0],
    [-2.430093356833875, -0.2063599157091915, 0, 0, 0],
    [-0.1073529058151375, -9.594562251023355, -20.47028614809616, 0, 0],
    [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160, 0],
    [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
])  # fmt: skip


_number, _vector = types.float64, types.float64[::1]
CHEBYSHEV = _number(PROBLEM, _vector, _vector, _number, types.int64, _vector, _vector, _vector)
ROSENBROCK = types.Tuple([types.boolean, _number])(
    PROBLEM, _vector, _vector, POINT, _number, _number, _vector, _vector, _vector, types.int64[::1]
)


@compiled
def force_at(problem, theta, out):
    """Write the force −∇L on the weights that move to out, and return L."""
    value = problem.gradient(theta, problem.setting, out)
    free = problem.setting.free
    for i in range(out.size):
        out[i] *= -free[i]
    return value


@compiled
def largest(x):
    """Return max |xᵢ|; NaN if there is one."""
    most = 0.0
    for value in x:
        if not abs(value) <= most:
            most = abs(value)
    return most


@compiled
def badness_of(error, before, after, accuracy):
    """Return the root mean square of the errors, each relative to accuracy × (1 + |θᵢ|)."""
    total = 0.0
    for i in range(error.size):
        part = error[i] / (accuracy * (1 + max(abs(before[i]), abs(after[i]))))
        total += part * part
    return math.sqrt(total / error.size)


@compiled(CHEBYSHEV)
def chebyshev_step(problem, theta, force, h, stages, ahead, force_ahead, error):
    """Take one step of length h of the second-order Runge–Kutta–Chebyshev method (Sommeijer, Shampine and Verwer 1998).

    Writes the state, the force −∇L there and the error estimate; returns the loss there. It is stable for
    h ‖H‖ up to 0.65 (stages² − 1).
    """
    size = theta.size
    w0 = 1 + 2 / (13 * stages**2)
    root = math.sqrt(w0 * w0 - 1)
    angle = stages * math.log(w0 + root)
    w1 = math.sinh(angle) * root * root / (math.cosh(angle) * stages * root - w0 * math.sinh(angle))
    b_1 = b_2 = 1 / (2 * w0) ** 2
    oldest, old, new = theta.copy(), np.empty(size), np.empty(size)
    first = w1 * b_1
    for i in range(size):
        old[i] = theta[i] + h * first * force[i]
    # Chebyshev polynomials T_j(w0) with first and second derivatives, by their recurrences.
    t_1, t_2, dt_1, dt_2, ddt_1, ddt_2 = w0, 1.0, 1.0, 0.0, 0.0, 0.0
    slope = np.empty(size)
    for _ in range(2, stages + 1):
        t, dt, ddt = 2 * w0 * t_1 - t_2, 2 * w0 * dt_1 - dt_2 + 2 * t_1, 2 * w0 * ddt_1 - ddt_2 + 4 * dt_1
        b = ddt / (dt * dt)
        mu, nu = 2 * w0 * b / b_1, -b / b_2
        mu_force = mu * w1 / w0
        gamma_force = -mu_force * (1 - t_1 * b_1)
        force_at(problem, old, slope)
        for i in range(size):
            new[i] = (
                (1 - mu - nu) * theta[i]
                + mu * old[i]
                + nu * oldest[i]
                + h * (gamma_force * force[i] + mu_force * slope[i])
            )
        oldest, old, new = old, new, oldest
        t_1, t_2, dt_1, dt_2, ddt_1, ddt_2, b_1, b_2 = t, t_1, dt, dt_1, ddt, ddt_1, b, b_1
    free = problem.setting.free
    for i in range(size):
        ahead[i] = old[i] if free[i] > 0 else theta[i]
    value = force_at(problem, ahead, force_ahead)
    for i in range(size):
        error[i] = 0.8 * (theta[i] - ahead[i]) + 0.4 * h * (force[i] + force_ahead[i])
    return value


@compiled(ROSENBROCK)
def rosenbrock_step(problem, theta, force, at, h, accuracy, ahead, force_ahead, error, counts):
    """Take one step of length h of the Rodas method, `at` being the curvature at θ.

    Writes the state, the force −∇L there and the error estimate; returns whether every stage was solved, and the loss.

    A state near a saddle leaves it. The residual of conjugate gradients is p(H + 1/(γh)) r with p(0) = 1 and the Ritz
    values as roots; while these are positive, p ≥ 1 for negative arguments. So a stage that is solved to a small part
    of the force has met every direction of negative curvature beyond 1/(γh) along which the force has a larger part,
    and damps none of the others.
    """
    size, shift = theta.size, 1 / (GAMMA * h)
    tolerance = min(_SOLVED * accuracy * math.sqrt(size) * shift, _SEEN * math.sqrt(np.dot(force, force)))
    stages, right = np.empty((6, size)), np.empty(size)
    for stage in range(6):
        if stage == 0:
            for i in range(size):
                right[i] = force[i]
        else:
            for i in range(size):
                ahead[i], right[i] = theta[i], 0.0
            for j in range(stage):
                a, c = STAGES_STATE[stage, j], STAGES_FORCE[stage, j] / h
                for i in range(size):
                    ahead[i] += a * stages[j, i]
                    right[i] += c * stages[j, i]
            force_at(problem, ahead, force_ahead)
            counts[0] += 1
            for i in range(size):
                right[i] += force_ahead[i]
        if (
            problem.solve(problem.product, problem.setting, at, shift, False, right, tolerance, counts, stages[stage])
            != SUCCEEDED
        ):
            return False, math.inf
    for i in range(size):
        error[i] = stages[5, i]
        ahead[i] += error[i]
    counts[0] += 1
    return True, force_at(problem, ahead, force_ahead)
