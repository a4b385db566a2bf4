"""One student followed along gradient flow θ̇ = −∇L to its limit, compiled, whatever the field.

Chebyshev steps, then Rosenbrock steps (`steps`), and then Newton's method, once its test puts the state into the basin
of a non-degenerate minimum (`basin`). Steps are accepted if their estimated error is within tolerance and the loss does
not rise. Nothing is random, so that a limit depends on its start alone.
"""

import math

import numpy as np
from numba import types

from .compiled import compiled
from .engine import ENGINE
from .field import for_student
from .linear import some_direction, spectral_radius
from .outcomes import CONVERGED, IDLE_NEURON, STALLED, UNRESOLVED
from .steps import MOST_STAGES, badness_of, force_at, largest

MOST_STEPS = 100_000
LATEST = 1e12  # no limit is waited for any longer
FIRST_TRY, NEXT_TRY = 1e-3, 0.3  # ‖∇L‖∞ at which Newton's method is tried, and by which factor lower the next time
_LATE = 1e7  # from when on neurons that merge or go idle are looked for
_GROWS = 1.02  # by which the largest weight of a student on its way to infinity grows while t grows tenfold

_number, _vector = types.float64, types.float64[::1]
FOLLOW = types.Tuple([types.int64, _number, _number, _number, _number])(
    ENGINE, types.int64, _vector, _vector, _number, _number, _vector, types.float64[:, ::1], _vector, types.int64[::1]
)


@compiled
def _keep(states, first, last, theta):
    """Write θ to the states from the first to the one before the last."""
    for due in range(first, last):
        for i in range(theta.size):
            states[due, i] = theta[i]


@compiled(FOLLOW)
def follow(engine, n, moves, start, accuracy, tolerance, times, states, limit, counts):
    """Follow gradient flow from `start` to its limit; write the states at the given times, in ascending order, too.

    `moves` is 1 for weights that move and 0 for those that are held. Returns how it ended, the time reached by
    integration, and at the limit ‖∇L‖∞, the smallest eigenvalue and the loss. `counts` gathers gradients,
    Hessian-vector products, steps and rejected steps.
    """
    problem = for_student(engine.problem, n, moves.copy(), engine.problem.setting.table.copy())
    setting, newton = problem.setting, engine.newton
    size, theta, dead = start.size, start.copy(), np.zeros(n, dtype=np.bool_)
    force, ahead, force_ahead, error, vector = (
        np.empty(size), np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    )  # fmt: skip
    value = force_at(problem, theta, force)
    some_direction(theta, setting, vector)
    radius, since = spectral_radius(problem, theta, vector, 12, counts), 0
    rms = math.sqrt(np.dot(force, force) / size)
    h = min(0.25 / max(radius, 1e-300), 0.1 * math.sqrt(accuracy) / max(rms, 1e-300))
    at, explicit, rejected, known = problem.curvature(theta, setting), True, False, False
    time, due, last_error, slack = 0.0, 0, 1.0, 3e-13 * max(setting.alone, value)
    try_newton, try_reducing = FIRST_TRY, 1e-9
    decade, size_then, grows = 1.0, largest(theta), False
    at_limit = smallest = lowest = 0.0
    while due < times.size and times[due] <= 0:
        _keep(states, due, due + 1, theta)
        due += 1
    while True:
        norm = largest(force)
        if not known and norm <= try_newton and not dead.all():
            known, at_limit, smallest, lowest = newton(problem, theta, tolerance, limit, counts)
            try_newton = NEXT_TRY * norm
        over = counts[2] + counts[3] >= MOST_STEPS or not h > 1e-12 * (1e-3 + time)
        over = over or time >= LATEST or norm <= tolerance or not math.isfinite(value)
        if known:  # go on until the limit is as good as the state at the times that are left
            for i in range(size):
                error[i] = limit[i] - theta[i]
            if over or due == times.size or badness_of(error, theta, limit, accuracy) <= 0.1:
                _keep(states, due, times.size, limit)
                return IDLE_NEURON if dead.any() else CONVERGED, time, at_limit, smallest, lowest
        elif over or (due == times.size and time > _LATE and norm <= try_reducing):
            try_reducing, outcome, smallest = 0.1 * norm, UNRESOLVED, -math.inf
            if math.isfinite(value):
                outcome, smallest = engine.name(
                    problem, newton, engine.amounts_to_smaller, theta, value, norm, tolerance, dead, over, grows, counts
                )
            if over or outcome != STALLED:
                for i in range(size):
                    limit[i] = theta[i]
                _keep(states, due, times.size, theta)
                return outcome, time, norm, smallest, value
        lands = due < times.size and times[due] - time <= h
        step = times[due] - time if lands else h
        ok = True
        if explicit:
            if since >= 5:
                radius, since = spectral_radius(problem, theta, vector, 3, counts), 0
            stages = max(2, 1 + int(math.sqrt(1.54 * step * 1.15 * radius + 1)))
            if stages > MOST_STAGES:
                explicit = False
                at = problem.curvature(theta, setting)
                continue
            lower = engine.chebyshev_step(problem, theta, force, step, stages, ahead, force_ahead, error)
            counts[0] += stages
        else:
            ok, lower = engine.rosenbrock_step(
                problem, theta, force, at, step, accuracy, ahead, force_ahead, error, counts
            )
        badness = badness_of(error, theta, ahead, accuracy) if ok else math.inf
        ok = badness <= 1 and math.isfinite(lower) and math.isfinite(largest(force_ahead))
        if not ok or lower > value + slack:
            counts[3] += 1
            rejected = True
            shrink = 0.3
            if math.isfinite(badness):
                shrink = 0.8 * badness ** (-1 / 3) if explicit else 0.9 * badness**-0.25
            h = step * min(0.5, max(0.1, shrink))
            if explicit:
                radius, since = spectral_radius(problem, theta, vector, 12, counts), 0
            continue
        counts[2] += 1
        since += 1
        for i in range(size):
            theta[i], force[i] = ahead[i], force_ahead[i]
        value = lower
        time = times[due] if lands else time + step
        while due < times.size and times[due] <= time:
            _keep(states, due, due + 1, theta)
            due += 1
        if time >= 10 * decade:
            now = largest(theta)
            decade, size_then, grows = time, now, now > _GROWS * size_then
        badness = max(badness, 1e-8)
        if explicit:
            grow = 0.8 * badness ** (-1 / 3)
            if counts[2] > 1:  # with the last error too, a step size that changes more smoothly
                grow = min(grow, 0.8 * last_error ** (1 / 3) / badness ** (2 / 3))
            last_error = max(badness, 1e-3)
            longer = step * min(5.0, max(0.1, grow))
        else:
            grow = 0.9 * badness**-0.25
            longer = step * min(1.0 if rejected else 6.0, max(0.2, grow))
        h = max(h, longer) if lands else longer
        rejected = False
        if setting.homogeneous and engine.settle(problem, theta, force, moves, dead, accuracy):
            value = force_at(problem, theta, force)
        if not explicit:
            at = problem.curvature(theta, setting)
