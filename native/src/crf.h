// One row of a linear-chain CRF: the same two scans, where every state is reached from every other.
#pragma once

#include "keepgate/objectives.h"
#include "semiring.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

// What all rows share: the transitions and their transpose, start and end, in whole units.
template <class T> struct CrfTables {
  CrfTables(const CrfCall<T>& call, T* base)
      : width(whole_units(call.tags)), transitions(base), transposed(base + call.tags * width),
        start(transposed + call.tags * width), end(start + width) {}
  static size_t size(const CrfCall<T>& call) { return 2 * (call.tags + 1) * whole_units(call.tags); }

  void fill_from(const CrfCall<T>& call) {
    const ptrdiff_t n = call.tags;
    fill(transitions, (ptrdiff_t)size(call), impossible<T>);
    for (ptrdiff_t i = 0; i < n; ++i) {
      for (ptrdiff_t j = 0; j < n; ++j) {
        transitions[i * width + j] = call.transitions[i * n + j];
        transposed[j * width + i] = call.transitions[i * n + j];
      }
      start[i] = call.start[i];
      end[i] = call.end[i];
    }
  }

  const ptrdiff_t width;
  T *const transitions, *const transposed, *const start, *const end;
};

template <class T> class CrfRow {
 public:
  CrfRow(const CrfCall<T>& call, const CrfTables<T>& tables, ptrdiff_t row, T* work)
      : call(call), tables(tables), row(row), tags(call.tags), steps(call.lengths[row]), width(tables.width) {
    scores = take(work, call.steps * width);
    after = take(work, width);
    next = take(work, width);
    sums = take(work, (tags + 1) * width);
    shifts = reinterpret_cast<double*>(work);
  }

  static size_t work(const CrfCall<T>& call) {
    return (call.steps + call.tags + 3) * whole_units(call.tags) + 2 * whole_units(call.steps);
  }

  void run() {
    if (call.partition || call.marginals || call.pairs) {
      const double score = forward<LogSum<T>>();
      if (call.partition) call.partition[row] = T(score);
      if (call.marginals || call.pairs) backward(score);
    }
    if (call.path || call.best) trace();
  }

 private:
  static T* take(T*& work, ptrdiff_t n) {
    T* const part = work;
    work += n;
    return part;
  }
  // Row t of [T, B, C]. The end of a row is read and written by its own count of numbers.
  template <class U> U* at(U* base, ptrdiff_t t) const { return base + (t * call.rows + row) * tags; }
  ptrdiff_t lanes_at(ptrdiff_t j) const { return tags - j < lanes<T> ? tags - j : lanes<T>; }

  template <class Semiring> double forward() {
    constexpr int L = lanes<T>;
    T shift = T(0);
    double lowered = 0;
    for (ptrdiff_t t = 0; t < steps; ++t) {
      T* const to = scores + t * width;
      const T *const emitted = at(call.emissions, t), *const last = t ? to - width : to;
      const T* const table = tables.transitions;
      fill(to, width, impossible<T>);
      Vector<T> top = splat<T>(impossible<T>);
      for (ptrdiff_t j = 0; j < tags; j += L) {
        const Vector<T> reached = t == 0 ? load(tables.start + j) : Semiring::sum(tags, [=](ptrdiff_t i) {
          return last[i] + load(table + i * width + j);
        });
        const Vector<T> score = reached + (load_partial(emitted + j, lanes_at(j)) - shift);
        store(to + j, score);
        top = larger<T>(top, score);
      }
      lowered += (double)shift;
      shifts[t] = lowered;
      shift = shift_of<T>(top);
    }
    return steps ? lowered + (double)at_end<Semiring>() : 0.0;
  }

  template <class Semiring> T at_end() {
    const T *const last = scores + (steps - 1) * width, *const end = tables.end;
    return Semiring::sum(tags, [=](ptrdiff_t i) { return splat<T>(last[i] + end[i]); })[0];
  }

  // `after`: score of what follows each tag, with the emission of the step that `after` is of.
  void backward(double score) {
    constexpr int L = lanes<T>;
    for (ptrdiff_t t = steps; call.marginals && t < call.steps; ++t) fill(at(call.marginals, t), tags, T(0));
    T* const pairs = call.pairs ? call.pairs + row * tags * tags : nullptr;
    if (pairs) fill(pairs, tags * tags, T(0));
    T shift = T(0);
    double lowered = 0;
    for (ptrdiff_t t = steps; t--;) {
      const T *const emitted = at(call.emissions, t), *const from = scores + t * width;
      const T* const table = tables.transposed;
      const bool last = t == steps - 1;
      const T* const following = after;
      lowered += (double)shift;
      const T centre = T(score - shifts[t] - lowered);
      if (pairs && !last) count(pairs, from, shift + centre);
      Vector<T> top = splat<T>(impossible<T>);
      fill(next, width, impossible<T>);
      for (ptrdiff_t i = 0; i < tags; i += L) {
        const Vector<T> left = last ? load(tables.end + i) : LogSum<T>::sum(tags, [=](ptrdiff_t j) {
          return following[j] + load(table + j * width + i);
        }) - shift;
        store(sums + i, normal_exp<T>(load(from + i) + left - centre));
        const Vector<T> whole = left + load_partial(emitted + i, lanes_at(i));
        store(next + i, whole);
        top = larger<T>(top, whole);
      }
      if (call.marginals) {
        fill(sums + tags, width - tags, T(0));
        const Vector<T> scale = splat<T>(T(1) / total(sums, width));
        map1(at(call.marginals, t), sums, tags, [scale](Vector<T> x) { return x * scale; });
      }
      T* const old = after;
      after = next;
      next = old;
      shift = shift_of<T>(top);
    }
  }

  // Add the probability of each pair of tags at a step and the next.
  void count(T* pairs, const T* from, T centre) {
    const Vector<T> middle = splat<T>(centre);
    for (ptrdiff_t i = 0; i < tags; ++i) {
      const Vector<T> here = splat<T>(from[i]);
      const auto probability = [=](Vector<T> move, Vector<T> left) {
        return normal_exp<T>(move + here + left - middle);
      };
      map2(sums + i * width, tables.transitions + i * width, after, width, probability);
    }
    const T scale = T(1) / total(sums, tags * width);
    for (ptrdiff_t i = 0; i < tags; ++i)
      for (ptrdiff_t j = 0; j < tags; ++j) pairs[i * tags + j] += sums[i * width + j] * scale;
  }

  void trace() {
    const double score = forward<Max<T>>();
    if (call.best) call.best[row] = T(score);
    if (!call.path) return;
    for (ptrdiff_t t = steps; t < call.steps; ++t) call.path[t * call.rows + row] = -1;
    ptrdiff_t tag = 0;
    for (ptrdiff_t t = steps; t--;) {
      const T* const moves = t == steps - 1 ? tables.end : tables.transposed + tag * width;
      const T* const from = scores + t * width;
      ptrdiff_t best = 0;
      for (ptrdiff_t i = 1; i < tags; ++i)
        if (from[i] + moves[i] > from[best] + moves[best]) best = i;
      tag = best;
      call.path[t * call.rows + row] = (int32_t)tag;
    }
  }

  const CrfCall<T>& call;
  const CrfTables<T>& tables;
  const ptrdiff_t row, tags, steps, width;
  T *scores, *after, *next, *sums;
  double* shifts;
};

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
