"""Gradient flow θ̇ = −∇L of a batch of students, each to its limit."""

from collections.abc import Sequence
from functools import lru_cache
from numbers import Real

import array_api_compat
import numpy as np
from jaxtyping import Float, Shaped
from joblib import Parallel, delayed
from threadpoolctl import ThreadpoolController
from tqdm import tqdm

from copyavg.activations.base import Activation
from copyavg.activations.erf import ERF
from copyavg.activations.named import get_activation
from copyavg.arrays import Array, require_whole, to_numpy
from copyavg.classification.classify import classify
from copyavg.interactions.quadrature import QuadratureError
from copyavg.landscape import loss
from copyavg.network import Network

from .batched import Outcome, Settings, follow_batch
from .limits import Problem
from .outcomes import CONVERGED
from .result import REASONS, Flow
from .steppers import follow

_BATCH = 16  # students that go through `landscape` together, on NumPy


def gradient_flow(
    students: Network,
    teacher: Network,
    activation: str | Activation = "erf",
    tol: float = 1e-13,
    times: Sequence[float] | Float[np.ndarray, " times"] | None = None,
    *,
    accuracy: float = 1e-5,
    workers: int | None = None,
) -> Flow:
    """Follow gradient flow θ̇ = −∇L of every student to its limit.

    Integration is error-controlled (Runge–Kutta–Chebyshev, then Rosenbrock steps) until a certificate puts the state
    into the basin of a non-degenerate minimum; Newton's method then goes to ‖∇L‖∞ ≤ tol. A student's limit and label
    depend on its start alone, not on its batch. A ReLU neuron may come to w = 0 in finite time, where L has a kink:
    there the flow goes on along the curve of maximal slope, so that the neuron stays dead until the loss falls along
    some direction, and leaves along the steepest.

    With erf and a unit-orthonormal teacher of unit outgoing weights, on NumPy, compiled loops without any Hessian do
    the work, in threads. The first call on a machine compiles them, for about a minute, and says so on a terminal; what
    is compiled stays on the disk (in the folder NUMBA_CACHE_DIR, if that is set). Everything else goes through
    `landscape` with whole Hessians, which takes ten to a hundred times longer.

    Parameters
    ----------
    students : Network
        One student or a batch of them, float64. Of torch tensors, `limit` and `trajectory` are tensors too, all else
        that is returned are NumPy arrays; nothing is recorded for autograd.
    teacher : Network
        The teacher, in the same d dimensions.
    activation : str or Activation
        As for `interaction`.
    tol : float
        ‖∇L‖∞ at the limit.
    times : sequence of float, optional
        Times, ascending and not negative, at which to keep the states. The loss never rises along them. The states'
        errors are larger than those of a step (see `accuracy`).
    accuracy : float
        Error allowed in a step, relative to 1 + |θᵢ| (root mean square). At 1e-5 other limits than those of a hundred
        times smaller errors are rare: the book counts them. The states at `times` have larger errors. Of 60 starts each
        at six sizes up to n = 8, k = 10 (erf), half had no weight off by more than 1.5e-4 to 7e-4, the worst, which
        were leaving a saddle, had one off by 1e-3 to 0.3, and no loss was off by more than 2e-3. At 1e-7 all of these
        were about twenty times smaller.
    workers : int, optional
        Number of students that are followed at once; all cores unless given. Work goes through joblib, so that
        `joblib.parallel_config(backend="dask")` spreads it over a cluster; "threading" and "loky" work too.

    Returns
    -------
    Flow
        Limits, losses, labels and how each student ended. None is dropped.

    Raises
    ------
    ModuleNotFoundError
        If numba is not installed: nothing else in copyavg needs it.
    ValueError
        If tol, accuracy or times are out of range, shapes do not fit, the weights are not float64, or joblib's backend
        does not hand over results one by one.
    TypeError
        If students and teacher are not networks, or of different array libraries, tol or accuracy is not a real number,
        or times not a sequence of them.

    Notes
    -----
    Derived in this book. Runge–Kutta–Chebyshev is Sommeijer, Shampine and Verwer's (1998), Rodas Hairer and Wanner's.

    Examples
    --------
    >>> import numpy as np
    >>> from copyavg import orthonormal_teacher, random_student
    >>> flow = gradient_flow(random_student(2, 4, np.random.default_rng(0), batch=5), orthonormal_teacher(3, d=4))
    >>> flow
    Flow(5 converged; batch_shape=(5,))
    >>> print(flow.label[0], bool(flow.gradient_norm.max() <= 1e-13))
    copy-average True
    """
    activation = get_activation(activation)
    times = _require_times(times)
    loss(students, teacher, activation)  # says what does not fit
    students, teacher = _detached(students), _detached(teacher)
    xp = array_api_compat.array_namespace(students.incoming)
    if students.incoming.dtype != xp.float64 or teacher.incoming.dtype != xp.float64:
        raise ValueError(f"gradient_flow needs float64 weights, but was given {students.incoming.dtype}")
    if teacher.batch_shape:
        raise ValueError(f"gradient_flow needs one teacher, but was given a batch of shape {teacher.batch_shape}")
    tol, accuracy = _require_at_most("tol", tol, 1e-3), _require_at_most("accuracy", accuracy, 0.1)
    if workers is not None:
        workers = require_whole("workers", workers)
    problem, settings = Problem(students.n, teacher, activation), Settings(accuracy, tol, times)
    batch = students.batch_shape
    start = xp.reshape(students.to_vector(), (-1, students.n * (students.d + 1)))
    if start.shape[0] == 0:
        raise ValueError(f"students must not be an empty batch, but has shape {batch}")
    if not array_api_compat.is_numpy_array(start):
        tasks, workers = [delayed(follow_batch)(problem, start, settings)], 1
    elif activation.is_like(ERF) and (axes := _axes(teacher)) is not None:
        tasks = [delayed(_alone)(problem, axes, theta[None], settings) for theta in start]
    else:
        parts = [start[i : i + _BATCH] for i in range(0, start.shape[0], _BATCH)]
        tasks = [delayed(_together)(problem, part, settings) for part in parts]
    outcome = _run(tasks, start.shape[0], workers)

    limit = problem.network(xp.reshape(outcome.limit, (*batch, start.shape[-1])))
    states = xp.reshape(outcome.states, (len(times), *batch, start.shape[-1])) if len(times) else None

    def shaped(values: Shaped[np.ndarray, " size"]) -> Shaped[Array, "*batch"]:
        return np.reshape(values, batch)[()]

    return Flow(
        limit=limit,
        loss=shaped(outcome.loss),
        gradient_norm=shaped(outcome.norm),
        smallest_eigenvalue=shaped(outcome.smallest),
        time=shaped(outcome.time),
        converged=shaped(outcome.code == CONVERGED),
        reason=shaped(np.array([REASONS[code] for code in outcome.code])),
        label=_labels(limit, teacher, activation),
        evaluations=shaped(outcome.evaluations),
        trajectory=None if states is None else problem.network(states),
    )


def _require_times(times: Sequence[float] | Float[np.ndarray, " times"] | None) -> Float[np.ndarray, " times"]:
    try:
        given = np.array([] if times is None else to_numpy(times) if hasattr(times, "dtype") else list(times))
    except (TypeError, ValueError) as error:
        raise TypeError(f"times must be a sequence of real numbers, but was given {times!r}") from error
    if given.ndim == 0 or given.dtype.kind not in "iuf":
        raise TypeError(f"times must be a sequence of real numbers, but was given {times!r}")
    if given.ndim > 1 or not (np.all(np.isfinite(given)) and np.all(given >= 0) and np.all(np.diff(given) >= 0)):
        raise ValueError(f"times must be finite, not negative and in ascending order, but was given {times!r}")
    return given.astype(float)


def _require_at_most(name: str, value: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, but was given {value!r}")
    if not 0 < value <= most:
        raise ValueError(f"{name} must be above 0 and at most {most:g}, but was given {value!r}")
    return float(value)


def _detached(network: Network) -> Network:
    """The same weights, without what torch has recorded for their gradient."""
    if not array_api_compat.is_torch_array(network.incoming):
        return network
    return Network.unchecked(network.incoming.detach(), network.outgoing.detach())


def _axes(teacher: Network) -> Float[np.ndarray, "d d"] | None:
    """Return an orthonormal basis of input space that begins with the teacher's neurons; None if they are not one."""
    v, k, d = teacher.incoming, teacher.n, teacher.d
    if k > d or np.abs(v @ v.T - np.eye(k)).max() > 1e-14 or np.any(teacher.outgoing != 1):
        return None
    if np.array_equal(v, np.eye(k, d)):
        return np.eye(d)
    return np.concatenate([v, np.linalg.qr(v.T, mode="complete")[0][:, k:].T])


def _turned(
    theta: Float[np.ndarray, "*batch N"], axes: Float[np.ndarray, "d d"], n: int
) -> Float[np.ndarray, "*batch N"]:
    """Multiply every incoming weight vector by a matrix from the right."""
    d = len(axes)
    if np.array_equal(axes, np.eye(d)):
        return theta
    incoming = theta[..., : n * d].reshape(*theta.shape[:-1], n, d) @ axes
    return np.concatenate([incoming.reshape(*theta.shape[:-1], n * d), theta[..., n * d :]], axis=-1)


def _alone(
    problem: Problem,
    axes: Float[np.ndarray, "d d"],
    start: Float[np.ndarray, "1 N"],
    settings: Settings,
) -> Outcome:
    """Follow one erf student by compiled loops, in coordinates along the teacher."""
    theta, limit, counts = np.ravel(_turned(start, axes.T, problem.n)), np.empty(start.size), np.zeros(4, dtype=int)
    states = np.empty((len(settings.times), start.size))
    code, time, norm, smallest, value = follow(
        theta, problem.n, problem.teacher.n, *settings, states, limit, counts
    )  # fmt: skip
    numbers = (np.array([x]) for x in (code, time, norm, smallest, value))
    back = (_turned(x, axes, problem.n) for x in (limit[None], states[:, None]))
    return Outcome(*numbers, *back, counts[:1] + counts[1:2])


def _together(problem: Problem, start: Float[np.ndarray, "batch N"], settings: Settings) -> Outcome:
    """Follow students through `landscape`; one whose integrals cannot be resolved does not stop the others."""
    try:
        return follow_batch(problem, start, settings)
    except QuadratureError:
        if len(start) == 1:
            raise
        return _joined([_together(problem, row[None], settings) for row in start])


def _run(tasks: list, students: int, workers: int | None) -> Outcome:
    """Carry out the tasks side by side, with a bar if a terminal is looking, and join what they find."""
    try:
        parallel = Parallel(n_jobs=-1 if workers is None else workers, prefer="threads", return_as="generator")
    except ValueError as error:
        raise ValueError(
            "gradient_flow needs a joblib backend that hands over results one by one, such as 'threading', 'loky' or "
            f"'dask', but joblib says: {error}"
        ) from error
    with _controller().limit(limits=1, user_api="blas"):  # the students are what runs side by side
        found, bar = [], tqdm(total=students, unit="student", leave=False, disable=None if students > 1 else True)
        with bar:
            for outcome in parallel(tasks):
                found.append(outcome)
                bar.update(len(outcome.code))
    return _joined(found) if len(found) > 1 else found[0]


def _joined(outcomes: list[Outcome]) -> Outcome:
    *each, states, evaluations = zip(*outcomes)
    return Outcome(*map(np.concatenate, each), np.concatenate(states, axis=1), np.concatenate(evaluations))


@lru_cache
def _controller() -> ThreadpoolController:
    """The libraries for linear algebra; to look for them takes a millisecond."""
    return ThreadpoolController()


def _labels(limit: Network, teacher: Network, activation: Activation) -> Shaped[Array, "*batch"]:
    numbers = [Network.unchecked(to_numpy(x.incoming), to_numpy(x.outgoing)) for x in (limit, teacher)]
    try:
        return np.asarray(classify(*numbers, activation).label)[()]
    except ValueError:  # the teacher is not unit-orthonormal
        return np.full(limit.batch_shape, "other")[()]
