"""The exact loss landscape of a student network that is smaller than its teacher."""

from typing import TYPE_CHECKING, Any

from .activations import Activation
from .averaging import one_neuron, one_neuron_critical_points
from .classify import Classification, Classifications, classify
from .configurations import copy_average, copy_average_loss, n_copy, optimal_copy_average
from .interaction import interaction
from .landscape import gradient, hessian, loss
from .network import Network, orthonormal_teacher, random_student
from .stability import Stability, stability

if TYPE_CHECKING:
    from .flow import Flow, gradient_flow

__all__ = [
    "Activation",
    "Classification",
    "Classifications",
    "Flow",
    "Network",
    "Stability",
    "classify",
    "copy_average",
    "copy_average_loss",
    "gradient",
    "gradient_flow",
    "hessian",
    "interaction",
    "loss",
    "n_copy",
    "one_neuron",
    "one_neuron_critical_points",
    "optimal_copy_average",
    "orthonormal_teacher",
    "random_student",
    "stability",
]


def __getattr__(name: str) -> Any:
    """Load gradient flow, and with it numba, when it is first asked for: nothing else needs it."""
    if name not in ("Flow", "gradient_flow"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import flow

    return getattr(flow, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
