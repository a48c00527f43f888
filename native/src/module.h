// What the parts of the Python module share.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <vector>

#include "keepgate/kernels.h"

namespace keepgate {

using Ints = std::vector<int32_t>;
using Addresses = std::vector<uintptr_t>;

// The kernels of the instruction set in use.
template <class T> const Kernels<T>& kernels();
template <> const Kernels<float>& kernels<float>();
template <> const Kernels<double>& kernels<double>();

// Define the parts about scans, about layers of them, about steppers, and about populations of them.
void define_scan(nanobind::module_& m);
void define_layers(nanobind::module_& m);
void define_steppers(nanobind::module_& m);
void define_populations(nanobind::module_& m);

}  // namespace keepgate
