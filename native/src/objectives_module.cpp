// The Python face of the objectives, on addresses of buffers that the caller owns; used by
// keepgate/native/objectives.py.
#include "objectives_module.h"

#include <nanobind/stl/string.h>

#include <string>
#include <tuple>

#include "keepgate/beam.h"
#include "keepgate/objectives.h"
#include "pool.h"
#include "sequences.h"
#include "sets.h"

namespace nb = nanobind;

namespace keepgate {

#define KEEPGATE_DECLARE(name)                              \
  namespace name {                                          \
    extern const ObjectiveKernels<float> objectives_f32;    \
    extern const ObjectiveKernels<double> objectives_f64;   \
  }
KEEPGATE_FOR_SETS(KEEPGATE_DECLARE)

namespace {

const ObjectiveKernels<float>* f32 = nullptr;
const ObjectiveKernels<double>* f64 = nullptr;

template <class T> const ObjectiveKernels<T>& kernels();
template <> const ObjectiveKernels<float>& kernels<float>() { return *f32; }
template <> const ObjectiveKernels<double>& kernels<double>() { return *f64; }

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

using AutomatonRow = std::tuple<ptrdiff_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, double,
                                int32_t, int32_t>;

Automaton automaton(const AutomatonRow& row) {
  const auto& [states, arcs, symbols, targets, weights, backoff, backoff_weights, unknown, start, end] = row;
  return {states, at<const int64_t>(arcs), at<const int32_t>(symbols), at<const int32_t>(targets),
          at<const double>(weights), at<const int32_t>(backoff), at<const double>(backoff_weights), unknown, start,
          end};
}

using BeamShape = std::tuple<ptrdiff_t, ptrdiff_t, ptrdiff_t, int32_t, int32_t, int32_t, double, double>;
using Lexicon = std::tuple<AutomatonRow, uintptr_t, int32_t, int32_t>;
using BeamBuffers = std::tuple<uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t>;

void run_beam(const BeamShape& shape, const AutomatonRow& letters, const Lexicon& lexicon, const AutomatonRow& words,
              const BeamBuffers& buffers, int threads) {
  BeamCall call{};
  std::tie(call.steps, call.rows, call.symbols, call.blank, call.beam, call.best, call.weight, call.bonus) = shape;
  const auto& [log_probs, lengths, found, found_lengths, scores, found_log_probs] = buffers;
  const auto& [trie, word_of, separator, unknown_word] = lexicon;
  call.letters = automaton(letters);
  call.trie = automaton(trie);
  call.word_of = at<const int32_t>(word_of);
  call.separator = separator;
  call.unknown_word = unknown_word;
  call.words = automaton(words);
  call.log_probs = at<const double>(log_probs);
  call.lengths = at<const int32_t>(lengths);
  call.found = at<int32_t>(found);
  call.found_lengths = at<int32_t>(found_lengths);
  call.scores = at<double>(scores);
  call.found_log_probs = at<double>(found_log_probs);
  nb::gil_scoped_release release;
  beam_search(kernels<double>(), call, Pool::shared(), threads);
}

}  // namespace

void choose_objectives(const std::string& set) {
#define KEEPGATE_CHOOSE(name)      \
  if (set == #name) {              \
    f32 = &name::objectives_f32;   \
    f64 = &name::objectives_f64;   \
  }
  KEEPGATE_FOR_SETS(KEEPGATE_CHOOSE)
}

void define_objectives(nb::module_& m) {
  m.def("ctc_single", run_ctc<float>);
  m.def("ctc_double", run_ctc<double>);
  m.def("crf_single", run_crf<float>);
  m.def("crf_double", run_crf<double>);
  m.def("beam_search", run_beam);
}

}  // namespace keepgate
