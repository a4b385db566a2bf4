"""What an explorable is in Python, and how a notebook shows it."""

import html
import json
import os
import sys
from functools import cache
from typing import Any, ClassVar

from traitlets import Bool, CaselessStrEnum, CInt, HasTraits

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

    def __new__(cls, **chosen: Any) -> "Explorable":  # noqa: D102
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

    def with_controls(self, *names: str) -> Any:
        """Return the figure, and in a session above it an ipywidgets control for each of these traits, linked to it."""
        import ipywidgets

        controls = []
        for name in names:
            trait, value = self.traits()[name], getattr(self, name)
            if isinstance(trait, CaselessStrEnum):
                control = ipywidgets.Dropdown(options=trait.values, description=name)
            elif isinstance(trait, Bool):
                control = ipywidgets.Checkbox(description=name)
            else:
                kind = ipywidgets.BoundedIntText if isinstance(trait, CInt) else ipywidgets.BoundedFloatText
                bounds = {
                    "min": -1e9 if trait.min is None else trait.min,
                    "max": 1e9 if trait.max is None else trait.max,
                }
                control = kind(value=value, description=name, **bounds)
            ipywidgets.link((self, name), (control, "value"))
            controls.append(control)
        return ipywidgets.VBox([ipywidgets.HBox(controls), self])

    def mount(self) -> str:
        """Return the HTML of the place where the site puts this explorable, with its picture and its caption."""
        state = html.escape(json.dumps(self.chosen()), quote=True)
        return (
            f'<figure class="explorable" id="explorable-{self.name}" data-explorable="{self.name}" '
            f'data-state="{state}"><p class="hint">{_ALONE}</p></figure>'
        )

    def __repr__(self) -> str:
        return f"<{self.name}: {', '.join(f'{name}={value!r}' for name, value in self.chosen().items())}>"


class _Shown:
    """An explorable that knows how it is shown."""


class _Still(_Shown):
    """One where nobody plays."""

    def _repr_html_(self) -> str:
        return self.mount()

    def with_controls(self, *_: str) -> "Explorable":
        return self


def in_session() -> bool:
    """Whether a reader's notebook is attached to this process, rather than the book's build or a test.

    A Jupyter server names the notebook in the kernel's environment, Visual Studio Code in its variables; neither the
    book's build nor nbval does.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    in_code = shell is not None and "__vsc_ipynb_file__" in shell.user_ns
    return in_code or "JPY_SESSION_NAME" in os.environ or "google.colab" in sys.modules


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
