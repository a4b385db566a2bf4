"""The exact loss landscape of a student network that is smaller than its teacher."""

from .activations import Activation
from .averaging import one_neuron, one_neuron_critical_points
from .classify import Classification, Classifications, classify
from .configurations import copy_average, copy_average_loss, n_copy, optimal_copy_average
from .flow import Flow, gradient_flow
from .interaction import interaction
from .landscape import gradient, hessian, loss
from .network import Network, orthonormal_teacher, random_student
from .stability import Stability, stability

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
