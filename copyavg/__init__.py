"""copyavg: the exact loss landscape of a student network that is smaller than its teacher."""

from .activations import Activation
from .configurations import copy_average, copy_average_loss
from .interaction import interaction
from .landscape import gradient, hessian, loss
from .network import Network, orthonormal_teacher, random_student

__all__ = [
    "Activation",
    "Network",
    "copy_average",
    "copy_average_loss",
    "gradient",
    "hessian",
    "interaction",
    "loss",
    "orthonormal_teacher",
    "random_student",
]
