// A plan: the staged program of a cell with its sizes, as numbers. Built once in Python
// (keepgate/native/plan.py), owned by it, read by any number of threads at once.
#pragma once

#include <cstdint>
#include <vector>

#include "keepgate/kernels.h"

namespace keepgate {

// Random bits are drawn for each step (`bernoulli`) or once for all (`mask`).
enum class Kind : int32_t { row, input, last, step_input, vector, constant, bernoulli, cotangent, mask, sum };

// A numbered value of the program. `slot`: which state, step input, vector or stream of random bits; `number`: of a
// constant, or the probability of a random bit. A sum is 0 before the walk, and operations add to it.
struct Value {
  Kind kind;
  int32_t width, slot;
  double number;
};

// One source of a bundle of affine maps: for each target, the row of weight `block` where its gate begins, and the
// place of its bias in bias `bias_block` (-1: none).
struct Term {
  int32_t source, block, bias_block;
  bool hoisted;
  std::vector<int32_t> rows, biases;
};

// Affine maps of the same sources, computed together.
struct Bundle {
  int32_t width;
  std::vector<int32_t> targets;
  std::vector<Term> terms;
};

// target = sum over deltas of the rows `rows[i]`, ... of weight `block`, transposed, times deltas[i].
struct Transposed {
  int32_t target, width, block;
  std::vector<int32_t> deltas, rows;
};

struct Stage {
  std::vector<Bundle> bundles;
  std::vector<Transposed> transposed;
  std::vector<Instruction> ops;
};

// Gradient of a weight block: for each gate its delta, the row where it begins, and the place in the bias (-1: none).
struct Outers {
  int32_t block, source, bias_block;
  std::vector<int32_t> deltas, rows, biases;
};

struct Plan {
  std::vector<Value> values;
  std::vector<int32_t> state_widths;
  int32_t input_size;
  std::vector<int32_t> block_rows, block_columns;  // shapes of the weights
  std::vector<int32_t> vector_widths, step_input_widths;

  std::vector<Stage> forward;
  std::vector<int32_t> new_values;  // per state
  std::vector<int32_t> kept;        // forward values that the backward pass reads

  std::vector<Stage> backward;
  std::vector<int32_t> last_values;        // per state: the cotangent of the state before the step; -1: none
  std::vector<Transposed> x;               // the cotangent of the input, if it is one product: for all steps at once
  int32_t x_value;                         // else its value; -1: none
  std::vector<int32_t> step_input_values;  // per step input; -1: none
  std::vector<int32_t> vector_values;      // per vector: its cotangent, row by row, summed over the steps; -1: none
  std::vector<Outers> outers;
};

}  // namespace keepgate
