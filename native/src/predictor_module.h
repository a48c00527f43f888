// The part of the Python module that is about compression.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "keepgate/kernels.h"

namespace keepgate {

void define_predictor(nanobind::module_& m);

// Use the kernels of an instruction set that this machine has.
void choose_predictor(const InstructionSet& set);

}  // namespace keepgate
