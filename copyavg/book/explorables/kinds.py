"""The state of each explorable: what a reader chooses, and what the page fills in."""

from typing import Any

from traitlets import Bool, CaselessStrEnum, CInt, Float, List, TraitError, Unicode, observe, validate

from copyavg.network import Network

from .explorable import Explorable


def _choose(trait: type, *arguments: Any, **options: Any) -> Any:
    return trait(*arguments, **options).tag(sync=True, chosen=True)


def _follow(trait: type, *arguments: Any, **options: Any) -> Any:
    return trait(*arguments, **options).tag(sync=True)


def _require_smaller(figure: Explorable, proposal: Any) -> int:
    """Say so if the student is not smaller than the teacher."""
    sizes = {"n": figure.n, "k": figure.k} | {proposal["trait"].name: proposal["value"]}
    if not sizes["n"] < sizes["k"]:
        raise TraitError(
            "the student must be smaller than the teacher, but n = {n} and k = {k} were given".format(**sizes)
        )
    return proposal["value"]


class CopyOrAverage(Explorable):
    """A student's neurons follow gradient flow until they copy or average.

    Parameters
    ----------
    n, k : int
        Neurons of student and teacher, n < k ≤ 12.
    activation : str
        "erf" or "relu".
    size : float
        Of the start, times Glorot's.
    seed : int
        Of the start. The page draws other numbers than NumPy.
    weights : list of float, optional
        A start of your own, `Network.to_vector()` of n neurons in k + 1 dimensions.

    Attributes
    ----------
    playing : bool
        Whether the flow goes on; can be set.
    incoming, outgoing : list
        The weights on show, in k + 1 dimensions.
    loss, time : float
        Of the state on show.
    label, reason : str
        Which configuration the limit is, and how the flow ended, once it has.

    Examples
    --------
    >>> figure = CopyOrAverage(n=3, k=6)
    >>> figure.n, figure.k, figure.label
    (3, 6, '')
    """

    name = "copy-or-average"
    alt = (
        "Five lettered student neurons stand among ten numbered teacher neurons on a circle, joined to those that they "
        "lean to; beside it the loss falls against time, past plateaus, toward two levels, copy-average and n-copy."
    )
    caption = (
        "Press <em>Play</em>: gradient flow moves the student's neurons among the teacher's, down a staircase of "
        "plateaus, until each copies one or one averages the rest. What you see is the exact flow of the loss, not an "
        "animation of it."
    )

    n = _choose(CInt, 5, min=1, max=11, help="student neurons")
    k = _choose(CInt, 10, min=2, max=12, help="teacher neurons")
    activation = _choose(CaselessStrEnum, ["erf", "relu"], "erf")
    size = _choose(Float, 1.0, min=0.1, max=10, help="of the start, times Glorot's")
    seed = _choose(CInt, 1, min=0, help="of the start")
    weights = _choose(
        List, Float(), default_value=None, allow_none=True, help="the start, if not drawn: n(k + 2) numbers"
    )
    playing = _follow(Bool, False)
    incoming = _follow(List, List(Float()), help="wᵢ of the state on show, in k + 1 dimensions")
    outgoing = _follow(List, Float(), help="aᵢ")
    loss = _follow(Float, 0.0)
    time = _follow(Float, 0.0)
    label = _follow(Unicode, "", help="of the limit, once it is reached")
    reason = _follow(Unicode, "", help="how the flow ended")

    _smaller = validate("n", "k")(_require_smaller)

    @property
    def student(self) -> Network:
        """The state on show, as a `Network` in k + 1 dimensions."""
        if not self.incoming:
            raise ValueError("the figure has not been on show yet, so there is no student: run its cell, then this one")
        return Network(self.incoming, self.outgoing)


class TwoNeurons(Explorable):
    """Two neurons interact, and one neuron stands for two: chapter 1.

    Parameters
    ----------
    activation : str
        "erf" or "relu".
    w, p : [float, float]
        Two weight vectors in a plane.
    student : [float, float]
        (w·v₁, w·v₂) of one student neuron under two teacher neurons, each at most 1.5 in size; its outgoing weight is
        always the best one.

    Attributes
    ----------
    correlation, interaction : float
        u of w and p, and g(‖w‖, ‖p‖, u).
    outgoing, loss, slope : float
        The best outgoing weight of the student neuron, its loss, and ‖∂L/∂w‖.

    Examples
    --------
    >>> TwoNeurons(activation="relu").student
    [1.2, -0.6]
    """

    name = "two-neurons"
    alt = (
        "Left, two arrows w and p with the curve of their interaction against the correlation, for erf and ReLU. "
        "Right, a contour map of the loss with teacher neurons v₁ and v₂, a student disc w and an arrow down the slope."
    )
    caption = (
        "Left: the interaction of two neurons against their correlation; orthogonal erf neurons do not interact, "
        "orthogonal ReLU neurons do. Right: the loss of one student neuron under two teacher neurons. Drag w or press "
        "<em>Let it flow</em>: it comes to rest between them, at the average."
    )

    activation = _choose(CaselessStrEnum, ["erf", "relu"], "erf")
    w = _choose(List, Float(), [1.7, 0.5], minlen=2, maxlen=2)
    p = _choose(List, Float(), [0.5, 1.2], minlen=2, maxlen=2)
    student = _choose(List, Float(min=-1.5, max=1.5), [1.2, -0.6], minlen=2, maxlen=2)
    correlation = _follow(Float, 0.0)
    interaction = _follow(Float, 0.0)
    outgoing = _follow(Float, 0.0)
    loss = _follow(Float, 0.0)
    slope = _follow(Float, 0.0)


class Groups(Explorable):
    """Share out k teacher neurons among n student neurons: chapters 2 and 3.

    Parameters
    ----------
    n, k : int
        Neurons of student and teacher, n < k ≤ 12.
    groups : list of int
        For every teacher neuron the student neuron, from 0, that stands for it; empty: shared out evenly.
    met : bool
        Whether n-copy is on show.

    Attributes
    ----------
    partition : list of int
        The sizes of the groups, ascending; 0 for a student neuron that has none.
    loss : float
        Of the copy-average point of these groups.
    index : int
        How many eigenvalues of its Hessian are negative.

    Examples
    --------
    >>> Groups(n=2, k=3, groups=[0, 1, 1]).groups
    [0, 1, 1]
    """

    name = "groups"
    alt = (
        "Three boxes, each with two numbered teacher neurons joined to an open orange student neuron. Beside them a "
        "chart of the three groupings of six by loss: the even one, 2+2+2, has the largest, 0.069665, and is a saddle."
    )
    caption = (
        "Share out the teacher's neurons among the student's: every grouping is a copy-average point, and the loss is "
        "least when all but one neuron copy and one averages the rest. Find it, then meet n-copy, a student that does "
        "without groups."
    )

    n = _choose(CInt, 3, min=1, max=11)
    k = _choose(CInt, 6, min=2, max=12)
    groups = _choose(List, CInt(min=0), help="for every teacher neuron the student neuron that stands for it")
    met = _choose(Bool, False)
    partition = _follow(List, CInt())
    loss = _follow(Float, 0.0)
    index = _follow(CInt, 0)

    _smaller = validate("n", "k")(_require_smaller)

    @observe("n", "k")
    def _share_out_again(self, _: Any) -> None:
        """Groups of another student or teacher are no groups of this one."""
        if not self._fits(self.groups):
            self.groups = []

    def _fits(self, groups: list[int]) -> bool:
        return not groups or (len(groups) == self.k and max(groups) < self.n)

    @validate("groups")
    def _fit(self, proposal: Any) -> list[int]:
        groups = proposal["value"]
        if not self._fits(groups):
            raise TraitError(
                f"groups must name one of the {self.n} student neurons, from 0, for each of the {self.k} teacher "
                f"neurons, but was given {groups}"
            )
        return groups


class EverySize(Explorable):
    """Which of the two points is better, and which are minima, for every n and k up to a million: chapter 3.

    Parameters
    ----------
    k, n : int
        Neurons of teacher and student, n < k ≤ 10⁶.

    Attributes
    ----------
    copy_average_loss : float
        Of the best copy-average point.
    n_copy_loss : float or None
        Of the n-copy point; None where there is none.
    better : str
        "copy-average" or "n-copy".

    Examples
    --------
    >>> EverySize(k=1000, n=700)
    <every-size: k=1000, n=700>
    """

    name = "every-size"
    alt = (
        "A map of n/k against k up to a million, in four tinted regions: orange where copy-average is better, "
        "green where n-copy is. Strips at six k turn from orange to green. Beside it both networks at n = 25, k = 50."
    )
    caption = (
        "Each row is a teacher of k neurons, each place in it a student of n. Orange: copy-average is better; green: "
        "n-copy is; strong where the other one is no minimum. Move the point up: both are minima almost everywhere, "
        "and the turn settles at n/k = 0.766, yet the strips show gradient flow at n-copy well before it is better."
    )

    k = _choose(CInt, 50, min=2, max=10**6)
    n = _choose(CInt, 25, min=1, max=10**6 - 1)
    copy_average_loss = _follow(Float, 0.0)
    n_copy_loss = _follow(Float, None, allow_none=True)
    better = _follow(Unicode, "")

    _smaller = validate("n", "k")(_require_smaller)


class StartSize(Explorable):
    """Where gradient flow ends, by the size of its start: chapter 5.

    Parameters
    ----------
    k, n : int
        Neurons of teacher (10, 20 or 50) and student.
    size : float
        Of the start, times Glorot's.
    seed : int
        Of the path that is computed in the page.

    Attributes
    ----------
    share : float
        Of the sweep's starts of this size that end at n-copy.
    label, loss : str, float
        Of the path's limit, once it is reached.

    Examples
    --------
    >>> StartSize(k=20, n=12, size=3)
    <start-size: k=20, n=12, seed=1, size=3.0>
    """

    name = "start-size"
    alt = (
        "Bars for students of 1 to 9 neurons, orange for copy-average and green for n-copy, above a map of the same "
        "for seven sizes of the start. Beside it the loss of one path falls past plateaus to the copy-average level."
    )
    caption = (
        "Choose n and the size of the start: the bars count where the sweep's starts ended, and a path from such a "
        "start is computed beside them. Small starts end at n-copy soon after it becomes a minimum; large ones average "
        "until copy-average is a saddle."
    )

    k = _choose(CInt, 10)
    n = _choose(CInt, 7, min=1)
    size = _choose(Float, 1.0, min=1e-3, max=100)
    seed = _choose(CInt, 1, min=0)
    share = _follow(Float, 0.0)
    label = _follow(Unicode, "")
    loss = _follow(Float, 0.0)

    _smaller = validate("n", "k")(_require_smaller)


KINDS = {kind.name: kind for kind in (CopyOrAverage, TwoNeurons, Groups, EverySize, StartSize)}
