"""A scan as a function of autograd, for every backend that runs a forward and a backward pass."""

from keepgate.scan.autograd.backend import Backend, Results, Spec, Tensors
from keepgate.scan.autograd.functions import differentiable_scan

__all__ = ["Backend", "Results", "Spec", "Tensors", "differentiable_scan"]
