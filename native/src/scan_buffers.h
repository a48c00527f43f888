// A scan as Python describes it: its buffers by name. They are addresses of memory that the caller owns and whose
// shapes it has checked (keepgate/scan/checks.py, or tensors.h).
#pragma once

#include <nanobind/nanobind.h>

#include <type_traits>
#include <vector>

#include "kept_weights.h"
#include "module.h"
#include "single_step.h"

namespace keepgate {

// The buffers of a scan, by the names that `Call` has for them: an address each, 0 where there is none. Beyond those of
// `Call`: an initial state without an address is zero; `final` are the final states, per state [B, W]; `output` is
// where the rows of the first state of every step are copied to, `output_stride` bytes from row to row.
#define KEEPGATE_BUFFERS(X) X(x) X(lengths) X(reset) X(row_numbers) X(output) X(dx)
#define KEEPGATE_LISTS(X)                                                                                     \
  X(weights) X(biases) X(initial) X(step_inputs) X(vectors) X(states) X(tape) X(checkpoints) X(final)         \
  X(d_states) X(d_final) X(d_initial) X(d_step_inputs) X(d_weights) X(d_biases) X(d_vectors)

struct Buffers {
#define KEEPGATE_FIELD(name) uintptr_t name = 0;
  KEEPGATE_BUFFERS(KEEPGATE_FIELD)
#undef KEEPGATE_FIELD
#define KEEPGATE_FIELD(name) Addresses name;
  KEEPGATE_LISTS(KEEPGATE_FIELD)
#undef KEEPGATE_FIELD
};

// A scan of a network, or of a population: what both passes take, set by name from Python. `strides` says for each
// buffer how many bytes further on that of the next network lies (0: all share it).
struct Scan : Buffers {
  nanobind::object plan;
  Buffers strides;
  size_t networks = 1;
  ptrdiff_t steps = 0, rows = 0, segment = 0, output_stride = 0;
  bool wide = false, reverse = false, training = false;  // `wide`: of float64
  std::vector<bool> rings;
  std::vector<uint32_t> keys;
  int threads = 1, storage = 0;
};

// What is kept of one layer in one direction, for numbers of either type.
template <class T> struct KeptOf {
  explicit KeptOf(bool hold) : weights(hold) {}
  KeptWeights<T> weights;
  SingleStep<T> step;
};
struct KeptOfLayer {
  explicit KeptOfLayer(bool hold) : f32(hold), f64(hold) {}
  KeptOf<float> f32;
  KeptOf<double> f64;
  template <class T> KeptOf<T>& of() {
    if constexpr (std::is_same_v<T, float>) return f32;
    else return f64;
  }
};

// Run a scan forward, without the GIL; `plan` is that of the scan, `kept` where packed weights are kept, or null.
void run_forward(const Plan& plan, const Scan& scan, KeptOfLayer* kept);

}  // namespace keepgate
