"""A scan as a function of autograd, for every backend that runs a forward and a backward pass."""

from keepgate.scan.autograd.backend import Backend, Gradients, Results, Spec, Tensors
from keepgate.scan.autograd.functions import differentiable_scan, requires_grad

__all__ = ["Backend", "Gradients", "Results", "Spec", "Tensors", "differentiable_scan", "requires_grad"]
