// The part of the Python module that is about objectives.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

namespace keepgate {

void define_objectives(nanobind::module_& m);

// Use the kernels of an instruction set that this machine has.
void choose_objectives(const std::string& set);

}  // namespace keepgate
