"""The state of every explorable in Python, and how a notebook shows it."""

import html
import json
import os
import sys
from functools import cache
from typing import Any, ClassVar

from traitlets import Bool, CaselessStrEnum, CInt, Float, HasTraits, List, TraitError, Unicode, validate

from copyavg.network import Network

from .bundle import bundle

_ALONE = "Run this cell in JupyterLab, on Binder or in Colab to play with it here."


class Explorable(HasTraits):
    """What can be read and set of a figure that computes in the page.

    Its attributes are traits: `observe` them, or link them to other widgets with `ipywidgets.link`. What the reader
    chooses can be set; what follows from it is filled in by the page, and is empty until the widget is on show.

    Parameters
    ----------
    **chosen
        The first values of traits.

    Raises
    ------
    TypeError
        If there is no such trait.
    traitlets.TraitError
        If a value is out of range.
    """

    name: ClassVar[str]
    alt: ClassVar[str]
    caption: ClassVar[str]
    follows: ClassVar[tuple[str, ...]] = ()  # traits that the page fills in

    def __new__(cls, **_: Any) -> "Explorable":  # noqa: D102
        return super().__new__(cls if issubclass(cls, _Shown) else _shown(cls, in_session()))

    def __init__(self, **chosen: Any) -> None:
        for key in chosen:
            if key not in self.chosen_names():
                names = ", ".join(self.chosen_names())
                raise TypeError(f"{self.name} has no trait {key!r} to choose; it has {names}")
        super().__init__(**chosen)

    @classmethod
    def chosen_names(cls) -> tuple[str, ...]:
        """Return the names of the traits that can be chosen."""
        return tuple(cls.class_trait_names(sync=True, chosen=True))

    def chosen(self) -> dict[str, Any]:
        """Return the traits that can be chosen, with their values."""
        return {name: getattr(self, name) for name in self.chosen_names()}

    def mount(self) -> str:
        """Return the HTML of the place where the site puts this explorable, with its picture until then."""
        state = html.escape(json.dumps(self.chosen()), quote=True)
        return (
            f'<figure class="explorable" id="{self.name}" data-explorable="{self.name}" data-state="{state}">'
            f'<p class="hint">{_ALONE}</p><figcaption>{self.caption}</figcaption></figure>'
        )

    def __repr__(self) -> str:
        return f"<{self.name}: {', '.join(f'{name}={value!r}' for name, value in self.chosen().items())}>"


class _Shown:
    """An explorable that knows how it is shown."""


class _Still(_Shown):
    """One where nobody plays."""

    def _repr_html_(self) -> str:
        return self.mount()


def in_session() -> bool:
    """Whether a reader's notebook is attached to this process, rather than the book's build or a test.

    A Jupyter server names the notebook in the kernel's environment, Visual Studio Code its process; neither the
    book's build nor nbval does.
    """
    return "JPY_SESSION_NAME" in os.environ or "VSCODE_PID" in os.environ or "google.colab" in sys.modules


@cache
def _shown(kind: type[Explorable], in_session: bool) -> type[Explorable]:
    """Return the class of a widget, or of what shows where it is mounted on the site."""
    if not in_session:
        return type(kind.__name__, (_Still, kind), {"__doc__": kind.__doc__})
    try:
        from anywidget import AnyWidget
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError('explorables need anywidget here: pip install "copyavg[notebooks]"') from error
    return type(kind.__name__, (_Shown, kind, AnyWidget), {"__doc__": kind.__doc__, "_esm": bundle(kind.name)})


def _choose(trait: type, *arguments: Any, **options: Any) -> Any:
    return trait(*arguments, **options).tag(sync=True, chosen=True)


def _follow(trait: type, *arguments: Any, **options: Any) -> Any:
    return trait(*arguments, **options).tag(sync=True)


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
    size = _choose(Float, 1.0, min=0.05, max=20, help="of the start, times Glorot's")
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

    @validate("n", "k")
    def _smaller(self, proposal: Any) -> int:
        n = proposal["value"] if proposal["trait"].name == "n" else self.n
        k = proposal["value"] if proposal["trait"].name == "k" else self.k
        if not n < k:
            raise TraitError(f"the student must be smaller than the teacher, but n = {n} and k = {k} were given")
        return proposal["value"]

    @property
    def student(self) -> Network:
        """The state on show, as a `Network` in k + 1 dimensions."""
        if not self.incoming:
            raise ValueError("the figure has not been on show yet, so there is no student: run its cell, then this one")
        return Network(self.incoming, self.outgoing)


KINDS = {kind.name: kind for kind in (CopyOrAverage,)}
