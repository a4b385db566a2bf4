"""The exact loss landscape of a student network that is smaller than its teacher."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .activations.base import Activation, OrderParameters, PairTerms
from .activations.named import get_activation, named_activations
from .activations.relu import leaky_relu
from .classification.classify import classify
from .classification.result import Classification, Classifications
from .interactions.hermite import HermiteExpansion, hermite_expansion
from .interactions.pairs import interaction
from .interactions.quadrature import QuadratureError
from .landscape import gradient, hessian, loss
from .network import Network, max_norm, orthonormal_teacher, random_student
from .points.configurations import (
    copy_average,
    copy_average_loss,
    copy_average_parameters,
    n_copy,
    n_copy_parameters,
    optimal_copy_average,
    partitions,
)
from .points.family import Family, copy_average_family, n_copy_family
from .points.levenberg_marquardt import levenberg_marquardt
from .points.newton import NoCriticalPointError
from .points.one_neuron import (
    CriticalPoints,
    OneNeuron,
    RadialLosses,
    one_neuron,
    one_neuron_critical_points,
    radial_losses,
)
from .points.radial_loss import RadialLoss
from .points.stability import Stability, Thresholds, stability, thresholds

if TYPE_CHECKING:
    from .book.check import Certificate, CertificateError
    from .flow.gradient_flow import gradient_flow
    from .flow.result import Flow

__version__ = "0.1.0"

# Loaded when they are first asked for: gradient flow with numba, which nothing else needs, and what the book adds.
_LATE = {
    "Certificate": "book.check",
    "CertificateError": "book.check",
    "Flow": "flow.result",
    "gradient_flow": "flow.gradient_flow",
}

__all__ = [
    "Activation",
    "Certificate",
    "CertificateError",
    "Classification",
    "Classifications",
    "CriticalPoints",
    "Family",
    "Flow",
    "HermiteExpansion",
    "Network",
    "NoCriticalPointError",
    "OneNeuron",
    "OrderParameters",
    "PairTerms",
    "QuadratureError",
    "RadialLoss",
    "RadialLosses",
    "Stability",
    "Thresholds",
    "classify",
    "copy_average",
    "copy_average_family",
    "copy_average_loss",
    "copy_average_parameters",
    "get_activation",
    "gradient",
    "gradient_flow",
    "hermite_expansion",
    "hessian",
    "interaction",
    "leaky_relu",
    "levenberg_marquardt",
    "loss",
    "max_norm",
    "n_copy",
    "n_copy_family",
    "n_copy_parameters",
    "named_activations",
    "one_neuron",
    "one_neuron_critical_points",
    "optimal_copy_average",
    "orthonormal_teacher",
    "partitions",
    "radial_losses",
    "random_student",
    "stability",
    "thresholds",
]


def __getattr__(name: str) -> Any:
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATE[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
