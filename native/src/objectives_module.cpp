// The Python face of the objectives, on addresses of buffers that the caller owns; used by keepgate/native/objectives.py.
#include "objectives_module.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <string>
#include <tuple>

#include "keepgate/objectives.h"
#include "pool.h"
#include "sets.h"

namespace nb = nanobind;

namespace keepgate {

#define KEEPGATE_DECLARE(name)                                \
  extern const ObjectiveKernels<float> objectives_single_##name; \
  extern const ObjectiveKernels<double> objectives_twofold_##name;
KEEPGATE_FOR_SETS(KEEPGATE_DECLARE)

namespace {

const ObjectiveKernels<float>* single = nullptr;
const ObjectiveKernels<double>* twofold = nullptr;

template <class T> const ObjectiveKernels<T>& kernels();
template <> const ObjectiveKernels<float>& kernels<float>() { return *single; }
template <> const ObjectiveKernels<double>& kernels<double>() { return *twofold; }

template <class T> T* at(uintptr_t address) { return reinterpret_cast<T*>(address); }

using CtcShape = std::tuple<ptrdiff_t, ptrdiff_t, ptrdiff_t, ptrdiff_t, bool, bool, int>;
using CtcBuffers = std::tuple<uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t>;

template <class T> void run_ctc(const CtcShape& shape, const CtcBuffers& buffers, int threads) {
  CtcCall<T> call{};
  std::tie(call.steps, call.rows, call.symbols, call.longest, call.logits, call.zero_infinity, call.blank) = shape;
  const auto& [values, targets, starts, lengths, losses, gradient, posteriors, path] = buffers;
  call.values = at<const T>(values);
  call.targets = at<const int32_t>(targets);
  call.starts = at<const int64_t>(starts);
  call.lengths = at<const int32_t>(lengths);
  call.losses = at<T>(losses);
  call.gradient = at<T>(gradient);
  call.posteriors = at<T>(posteriors);
  call.path = at<int32_t>(path);
  nb::gil_scoped_release release;
  ctc<T>(kernels<T>(), call, Pool::shared(), threads);
}

using CrfShape = std::tuple<ptrdiff_t, ptrdiff_t, ptrdiff_t>;
using CrfBuffers = std::tuple<uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t,
                              uintptr_t, uintptr_t>;

template <class T> void run_crf(const CrfShape& shape, const CrfBuffers& buffers, int threads) {
  CrfCall<T> call{};
  std::tie(call.steps, call.rows, call.tags) = shape;
  const auto& [emissions, transitions, start, end, lengths, partition, marginals, pairs, path, best] = buffers;
  call.emissions = at<const T>(emissions);
  call.transitions = at<const T>(transitions);
  call.start = at<const T>(start);
  call.end = at<const T>(end);
  call.lengths = at<const int32_t>(lengths);
  call.partition = at<T>(partition);
  call.marginals = at<T>(marginals);
  call.pairs = at<T>(pairs);
  call.path = at<int32_t>(path);
  call.best = at<T>(best);
  nb::gil_scoped_release release;
  crf<T>(kernels<T>(), call, Pool::shared(), threads);
}

}  // namespace

void choose_objectives(const std::string& set) {
#define KEEPGATE_CHOOSE(name)          \
  if (set == #name) {                  \
    single = &objectives_single_##name;  \
    twofold = &objectives_twofold_##name; \
  }
  KEEPGATE_FOR_SETS(KEEPGATE_CHOOSE)
}

void define_objectives(nb::module_& m) {
  m.def("ctc_single", run_ctc<float>);
  m.def("ctc_double", run_ctc<double>);
  m.def("crf_single", run_crf<float>);
  m.def("crf_double", run_crf<double>);
}

}  // namespace keepgate
