"""Figures of the book: one style, one call a figure, one file a chapter. Theory is a line, experiment is markers.

Every function takes numbers that the caller computed and returns a matplotlib Figure. This is the
only package that imports matplotlib, and `import copyavg` does not import it.
"""

from .copy_average import failure_rates
from .gradient_flow import descent, no_limit, start_sizes, transition, two_fates, where_flow_goes
from .one_neuron import loss_by_direction, profiles
from .optimal_configuration import copy_or_average, cost_of_an_average, grouping_losses, hessian_indices, two_points
from .relu import (
    anti_copies,
    beside_erf,
    displaced_point,
    displacement,
    fixed_size,
    leaky_displacement,
    losses_and_bound,
    thresholds,
    through_the_kink,
)
from .style import COPY_AVERAGE, MUTED, N_COPY, STUDENT, TEACHER, use_style
from .teacher_setup import interaction_four_ways, teacher_and_student, toy_landscape

__all__ = [
    "COPY_AVERAGE",
    "MUTED",
    "N_COPY",
    "STUDENT",
    "TEACHER",
    "anti_copies",
    "beside_erf",
    "copy_or_average",
    "cost_of_an_average",
    "descent",
    "displaced_point",
    "displacement",
    "failure_rates",
    "fixed_size",
    "grouping_losses",
    "hessian_indices",
    "interaction_four_ways",
    "leaky_displacement",
    "loss_by_direction",
    "losses_and_bound",
    "no_limit",
    "profiles",
    "start_sizes",
    "teacher_and_student",
    "through_the_kink",
    "toy_landscape",
    "thresholds",
    "transition",
    "two_fates",
    "two_points",
    "use_style",
    "where_flow_goes",
]
