"""What gradient flow returns, and how it is kept in a file, which is read without numba."""

from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from zipfile import BadZipFile
from zlib import error as DeflateError

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from copyavg.arrays import Array, to_numpy
from copyavg.network import Network

from .outcomes import (
    CONVERGED,
    CRITICAL,
    DIPOLE,
    IDLE_NEURON,
    MERGED_PAIR,
    ROUNDING,
    STALLED,
    TO_INFINITY,
    UNRESOLVED,
    ZERO_LOSS,
)

REASONS = {
    CONVERGED: "converged",
    MERGED_PAIR: "merged pair",
    IDLE_NEURON: "idle neuron",
    DIPOLE: "dipole",
    ROUNDING: "rounding",
    CRITICAL: "not a minimum",
    STALLED: "stalled",
    UNRESOLVED: "integrals not resolved",
    ZERO_LOSS: "zero loss",  # the student does what the teacher does; only the engine of `follow` tells
    TO_INFINITY: "to infinity",  # weights grow, apparently without limit, while the loss falls; likewise
}
_FORMAT = 1  # version of the files that `Flow.save` writes
_NETWORKS = ("limit", "trajectory")
_WEIGHTS = ("incoming", "outgoing")


@dataclass(frozen=True, eq=False)
class Flow:
    """Where gradient flow went: one entry a student, in NumPy arrays of the batch's shape.

    Only `limit` and `trajectory` are of the students' array library. A flow is equal to itself alone.

    Attributes
    ----------
    limit : Network
        The limits; for a student that did not converge, the last state.
    loss, gradient_norm : array, shape (...)
        L and ‖∇L‖∞ there.
    smallest_eigenvalue : array, shape (...)
        Of the Hessian there; for activations with a gauge, such as ReLU, across it.
    time : array, shape (...)
        Time t at which the integration ended: Newton's method went on from there.
    converged : array of bool, shape (...)
        Whether the limit is a non-degenerate minimum, reached to ‖∇L‖∞ ≤ tol and certified.
    reason : array of str, shape (...)
        "converged", or why not. "merged pair": two neurons approach each other on one teacher neuron, as t^−½, into a
        degenerate critical point; for ReLU, they take one direction, also with outgoing weights of opposite signs, and
        do what one neuron could. "idle neuron": an outgoing weight goes to zero, which is degenerate, too; for ReLU,
        the incoming weights of a neuron have come to w = 0, and it is dead. In all these a smaller student has a
        certified minimum of the same loss.
        "dipole": two nearly parallel neurons whose outgoing weights cancel and grow, apparently without limit.
        "rounding": by its smallest eigenvalue a minimum, but so flat that double precision does not resolve the
        gradient any further (‖∇L‖∞ ≤ 2⁻⁵² ‖H‖), and the certificate cannot be had. "not a minimum": ‖∇L‖∞ ≤ tol, but
        the Hessian has an eigenvalue of zero or less. "stalled": out of time or steps. "integrals not resolved": the
        interaction's quadrature gave up.
    label : array of str, shape (...)
        Which configuration `limit` is, by `classify`; "other" if the teacher is not unit-orthonormal.
    evaluations : array of int, shape (...)
        Gradients and Hessian-vector products spent (whole Hessians count 7 gradients).
    trajectory : Network or None
        The states at `times`, batch shape (len(times), ...). After a student has ended, it stays where it is.

    Examples
    --------
    >>> from copyavg import gradient_flow, optimal_copy_average, orthonormal_teacher
    >>> flow = gradient_flow(optimal_copy_average(2, 3), orthonormal_teacher(3))
    >>> print(flow.label, flow.reason, flow.loss.round(6))
    copy-average converged 0.023222
    """

    limit: Network
    loss: Float[Array, "*batch"]
    gradient_norm: Float[Array, "*batch"]
    smallest_eigenvalue: Float[Array, "*batch"]
    time: Float[Array, "*batch"]
    converged: Bool[Array, "*batch"]
    reason: Shaped[Array, "*batch"]
    label: Shaped[Array, "*batch"]
    evaluations: Int[Array, "*batch"]
    trajectory: Network | None

    def __repr__(self) -> str:
        names, counts = np.unique(self.reason, return_counts=True)
        ended = ", ".join(f"{count} {name}" for name, count in zip(names, counts))
        return f"Flow({ended}; batch_shape={self.limit.batch_shape})"

    def save(self, path: str | PathLike[str]) -> None:
        """Write the whole flow to one .npz file, which `Flow.load` reads. An existing file is replaced.

        The file holds the arrays and a format version, and no pickle: `numpy.load` opens it as well. Torch tensors are
        saved as arrays, and come back as NumPy arrays.

        Parameters
        ----------
        path : str or path
            Name of the file; its suffix is .npz.

        Raises
        ------
        ValueError
            If the suffix is another one.
        OSError
            If the file cannot be written.

        Examples
        --------
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> from copyavg import gradient_flow, orthonormal_teacher
        >>> flow = gradient_flow(orthonormal_teacher(2), orthonormal_teacher(2))
        >>> with TemporaryDirectory() as folder:
        ...     flow.save(Path(folder) / "flow.npz")
        ...     again = Flow.load(Path(folder) / "flow.npz")
        >>> again, bool(again.loss == flow.loss)
        (Flow(1 converged; batch_shape=()), True)
        """
        arrays = {"format": np.array(_FORMAT)}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name not in _NETWORKS:
                arrays[field.name] = np.asarray(value)
            elif value is not None:
                arrays |= {f"{field.name}.{name}": to_numpy(getattr(value, name)) for name in _WEIGHTS}
        np.savez_compressed(_require_npz(path), **arrays)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> "Flow":
        """Read what `save` wrote, bit for bit, as NumPy arrays. Nothing in the file is run, and numba is not needed.

        Parameters
        ----------
        path : str or path
            Name of the file; its suffix is .npz.

        Raises
        ------
        ValueError
            If the suffix is another one, the file is no .npz file or damaged, has no format version or another than
            this version of copyavg writes, lacks a field, or holds arrays whose shapes do not fit.
        FileNotFoundError
            If there is no such file.

        Examples
        --------
        See `save`.

        >>> Flow.load("flow.json")
        Traceback (most recent call last):
        ValueError: path must end in .npz, but was given flow.json
        """
        arrays = _read(_require_npz(path))
        networks = {
            name: Network.unchecked(*(arrays.pop(f"{name}.{part}") for part in _WEIGHTS))
            for name in _NETWORKS
            if f"{name}.{_WEIGHTS[0]}" in arrays
        }
        return cls(**{"trajectory": None} | networks | {name: array[()] for name, array in arrays.items()})


def _require_npz(path: str | PathLike[str]) -> Path:
    if Path(path).suffix != ".npz":
        raise ValueError(f"path must end in .npz, but was given {path}")
    return Path(path)


def _read(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a saved flow by their names in the file, without its version."""
    wanted = f"{path} must be a file that Flow.save wrote"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (BadZipFile, DeflateError, EOFError, ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{wanted}, but it is not an .npz file of plain arrays, or is damaged") from error
    if "format" not in arrays:
        raise ValueError(f"{wanted}, but it has no format version")
    if not np.array_equal(arrays["format"], _FORMAT):
        raise ValueError(f"{wanted} in format {_FORMAT}, but its format is {arrays['format']}")
    plain = [field.name for field in fields(Flow) if field.name not in _NETWORKS]
    kept = ["limit"] + ["trajectory"] * any(name.startswith("trajectory.") for name in arrays)
    needed = plain + [f"{network}.{part}" for network in kept for part in _WEIGHTS]
    if missing := [name for name in needed if name not in arrays]:
        raise ValueError(f"{wanted}, but it lacks {', '.join(missing)}")
    arrays = {name: arrays[name] for name in needed}
    if not _fit({name: array.shape for name, array in arrays.items()}, plain):
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise ValueError(f"{wanted}, but its arrays do not fit each other: {shapes}")
    return arrays


def _fit(shapes: dict[str, tuple[int, ...]], plain: list[str]) -> bool:
    """Whether all arrays have the shapes that belong to the limits' incoming weights."""
    if len(shapes["limit.incoming"]) < 2:
        return False
    *batch, n, d = shapes["limit.incoming"]
    wanted = dict.fromkeys(plain, (*batch,)) | {"limit.incoming": (*batch, n, d), "limit.outgoing": (*batch, n)}
    if "trajectory.incoming" in shapes:
        times = shapes["trajectory.incoming"][:1]
        wanted |= {f"trajectory.{part}": (*times, *wanted[f"limit.{part}"]) for part in _WEIGHTS}
    return shapes == wanted
