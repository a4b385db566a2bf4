"""What a student was found to be."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped

LABELS = ("copy-average", "n-copy", "reduced", "other")
ROLES = ("copy", "average", "merged", "idle", "dipole", "mixed", "anti-copy")


@dataclass(frozen=True)
class Classification:
    """What a student was found to be. It is compared by value.

    Attributes
    ----------
    label : str
        One of `LABELS`: "copy-average", "n-copy", "reduced" or "other" (see `classify`).
    partition : tuple of int
        In ascending order, how many teacher neurons each student neuron has for itself: group sizes that add up
        to k for a copy-average student; n ones for an n-copy student, which shares the k − n others; for a reduced
        student those of the smaller one; empty for any other.
    residual : float
        How far the student is from the nearest one of that configuration: the largest change of any neuron's
        incoming or outgoing weights, relative to them. For a reduced student it is the smaller one's, for any
        other that of the configuration that comes closest (infinite if none is near enough to compare with).
    roles : tuple of str
        What each neuron does, one of `ROLES`: "copy" of one teacher neuron or "average" of several; "merged" with
        another neuron, which does the same; "idle", without effect; one of a "dipole", two nearly parallel neurons
        that nearly cancel; "mixed", none of these; "anti-copy", which points away from one teacher neuron (see
        `classify` for the measure; not if σ is odd).
    groups : tuple of tuple of int
        The teacher neurons, from 0, that each student neuron stands for; of an anti-copy, the one that it points away
        from.
    residuals : dict
        The residual of every configuration that was compared, by its label.
    reduced_to : str or None
        For a reduced student, what the smaller one is.

    Examples
    --------
    >>> from copyavg import classify, copy_average, orthonormal_teacher
    >>> found = classify(copy_average((1, 2)), orthonormal_teacher(3))
    >>> found.partition, found.roles, found.groups
    ((1, 2), ('copy', 'average'), ((0,), (1, 2)))
    """

    label: str
    partition: tuple[int, ...]
    residual: float = field(repr=False)
    roles: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    residuals: dict[str, float] = field(hash=False, repr=False)
    reduced_to: str | None = None

    @property
    def anti_copies(self) -> int:
        """How many neurons are anti-copies.

        Examples
        --------
        >>> from copyavg import Network, classify, orthonormal_teacher
        >>> teacher = orthonormal_teacher(3)
        >>> turned = Network([[-1, 0, 0], [0, 1, 0], [0, 0, 1]], [1, 1, 1])
        >>> classify(turned, teacher, "relu").anti_copies, classify(turned, teacher, "erf").anti_copies
        (1, 0)
        """
        return self.roles.count("anti-copy")

    def explain(self) -> str:
        """Return in one line, in words, what was found.

        Examples
        --------
        >>> from copyavg import classify, n_copy, orthonormal_teacher
        >>> classify(n_copy(8, 10), orthonormal_teacher(10)).explain()
        'n-copy: 8 neurons single out one teacher neuron each, and share the rest'
        """
        if self.label == "reduced":
            spared = [f"{self.roles.count(role)} {role}" for role in ("idle", "merged") if role in self.roles]
            work = f"{len(self.roles)} neurons ({', '.join(spared)}) do the work of {len(self.partition)}"
            return f"reduced: {work}, {in_words(self.reduced_to, self.partition)}"
        if self.label != "other":
            return in_words(self.label, self.partition)
        counts = Counter(self.roles)
        if pairs := counts.pop("dipole", 0) // 2:
            what = "a dipole, two nearly parallel neurons" if pairs == 1 else f"{pairs} dipoles, nearly parallel pairs"
            beside = ", ".join(some_of(number, role) for role, number in counts.items())
            return f"other: {what} whose effects nearly cancel" + (f", beside {beside}" if beside else "")
        seen = ", ".join(some_of(number, role) for role, number in counts.items())
        nearest = min(self.residuals, key=self.residuals.__getitem__, default=None)
        near = f" (nearest: {nearest}, off by {self.residual:.1g})" if nearest else ""
        return f"other: no configuration that has a name{near}; of its neurons, one by one: {seen}"

    def __str__(self) -> str:
        return self.explain()


@dataclass(frozen=True, eq=False)
class Classifications:
    """What a batch of students was found to be: a `Classification` of each, and their fields as arrays.

    Two are equal if they have one shape and their records are equal.

    Attributes
    ----------
    records : array of Classification
        In the shape of the batch. Indexing, iteration and length are those of this array.

    Examples
    --------
    >>> import numpy as np
    >>> from copyavg import Network, classify, n_copy, optimal_copy_average, orthonormal_teacher
    >>> two = [n_copy(3, 5), optimal_copy_average(3, 5)]
    >>> batch = Network(np.stack([s.incoming for s in two]), np.stack([s.outgoing for s in two]))
    >>> found = classify(batch, orthonormal_teacher(5))
    >>> found.label.tolist(), found.partition.tolist()
    (['n-copy', 'copy-average'], [(1, 1, 1), (1, 1, 3)])
    >>> print(found)
    2 students: 1 copy-average, 1 n-copy
    """

    records: Shaped[np.ndarray, "*batch"]

    def __eq__(self, other: object) -> bool:
        return np.array_equal(self.records, other.records) if isinstance(other, Classifications) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.records.shape, *self.records.flat))

    @property
    def label(self) -> Shaped[np.ndarray, "*batch"]:
        """The labels, an array of strings."""
        return self._field("label", np.dtype(f"<U{max(map(len, LABELS))}"))

    @property
    def partition(self) -> Shaped[np.ndarray, "*batch"]:
        """The partitions, an array of tuples."""
        return self._field("partition", object)

    @property
    def residual(self) -> Float[np.ndarray, "*batch"]:
        """The residuals, an array of numbers."""
        return self._field("residual", float)

    @property
    def anti_copies(self) -> Int[np.ndarray, "*batch"]:
        """How many neurons of each student are anti-copies, an array of whole numbers."""
        return self._field("anti_copies", int)

    def _field(self, name: str, dtype: Any) -> Shaped[np.ndarray, "*batch"]:
        values = np.empty(self.records.shape, dtype)
        for place, record in np.ndenumerate(self.records):
            values[place] = getattr(record, name)
        return values

    def __getitem__(self, place: Any) -> "Classification | Classifications":
        picked = self.records[place]
        return Classifications(picked) if isinstance(picked, np.ndarray) else picked

    def __iter__(self) -> Iterator["Classification | Classifications"]:
        return (self[i] for i in range(len(self)))

    def __len__(self) -> int:
        return len(self.records)

    def __str__(self) -> str:
        counts = Counter(self.label.ravel().tolist())
        parts = ", ".join(f"{counts[label]} {label}" for label in LABELS if counts[label])
        return f"{self.records.size} students" + (f": {parts}" if parts else "")


def in_words(label: str, partition: tuple[int, ...]) -> str:
    """Return what a student with a configuration is made of, in words."""
    if label == "n-copy":
        return f"n-copy: {len(partition)} neurons single out one teacher neuron each, and share the rest"
    counts = sorted(Counter(partition).items())
    parts = [
        some_of(number, "copy" if size == 1 else "average") + f" of {size}" * (size > 1) for size, number in counts
    ]
    return f"copy-average: {', '.join(parts[:-1])}{' and ' if parts[1:] else ''}{parts[-1]}"


def some_of(number: int, role: str) -> str:
    """Return so many neurons of a role, in words."""
    names = {
        "copy": ("a copy", "copies"),
        "average": ("an average", "averages"),
        "anti-copy": ("an anti-copy", "anti-copies"),
    }
    one, several = names.get(role, (f"1 {role}", role))
    return one if number == 1 else f"{number} {several}"
