// Objectives over label sequences: CTC and the linear-chain CRF, on plain buffers.
//
// T steps, B rows, C symbols (or tags). Every buffer belongs to the caller, is dense in the stated shape, and must live
// until the call returns; nothing is kept after it. Results are overwritten, never added to; a null result is not
// wanted. Logarithms are natural; -infinity is the logarithm of 0. Scores are in T, but the sums over time that the
// results are made of are kept in double.
#pragma once

#include <cstddef>
#include <cstdint>

namespace keepgate {

class Pool;

// Graves et al. 2006: the probability of a target, summed over all alignments of its symbols and blanks with the steps.
template <class T> struct CtcCall {
  ptrdiff_t steps, rows, symbols, longest;  // longest: symbols of the longest target
  const T* values;         // [T, B, C]: logits, or logarithms of probabilities
  bool logits;             // take the log-softmax of `values` first; the gradient is then for the logits
  bool zero_infinity;      // the gradient of a target without an alignment is 0, not NaN
  int32_t blank;
  const int32_t* targets;  // the symbols of all rows, one after the other; none is the blank
  const int64_t* starts;   // [B + 1]: where each row's target begins
  const int32_t* lengths;  // [B]: steps of each row, from 0 to T

  T* losses;      // [B]: -log p(target); infinite if there is no alignment
  T* gradient;    // [T, B, C]: of each row's loss; 0 behind its length
  T* posteriors;  // [T, B, S], S = 2 * longest + 1: of blank, first symbol, blank, ...; 0 behind the lengths
  int32_t* path;  // [T, B]: the best alignment, as places in S; -1 behind the lengths and where there is none
};

// Lafferty, McCallum & Pereira 2001: tags with a score for each step and each pair of neighbours.
template <class T> struct CrfCall {
  ptrdiff_t steps, rows, tags;
  const T* emissions;      // [T, B, C]
  const T* transitions;    // [C, C]: from the first to the second
  const T* start;          // [C]
  const T* end;            // [C]
  const int32_t* lengths;  // [B]: from 0 to T

  T* partition;    // [B]: log of the sum of exp(score) over all paths; 0 for a row without steps
  T* marginals;    // [T, B, C]: probability of each tag; 0 behind the lengths
  T* pairs;        // [B, C, C]: expected number of each pair of neighbours
  int32_t* path;   // [T, B]: the best path; -1 behind the lengths
  T* best;         // [B]: its score; 0 for a row without steps
};

// What of the above is compiled once per instruction set: one row, on memory of the caller; no kernel allocates.
template <class T> struct ObjectiveKernels {
  // Numbers of `work` that one row takes.
  size_t (*ctc_work)(const CtcCall<T>&);
  void (*ctc)(const CtcCall<T>&, ptrdiff_t row, T* work);

  size_t (*crf_work)(const CrfCall<T>&);
  size_t (*crf_tables)(const CrfCall<T>&);            // numbers of the tables that all rows share
  void (*crf_fill)(const CrfCall<T>&, T* tables);
  void (*crf)(const CrfCall<T>&, const T* tables, ptrdiff_t row, T* work);

  // to[i] = log(exp(a[i]) + exp(b[i])).
  void (*add_logs)(const T* a, const T* b, T* to, ptrdiff_t n);
};

template <class T> void ctc(const ObjectiveKernels<T>&, const CtcCall<T>&, Pool&, int threads);
template <class T> void crf(const ObjectiveKernels<T>&, const CrfCall<T>&, Pool&, int threads);

}  // namespace keepgate
