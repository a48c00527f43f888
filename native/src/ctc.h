// One row of CTC: the forward and the backward scan over the states blank, y_1, blank, y_2, ..., blank of a target y.
//
// Blanks and symbols lie in two arrays, so that what a state sums over is the same for whole vectors: blank j is
// reached from itself and symbol j - 1, symbol j from itself, the blank j before it, and symbol j - 1 if that is
// another symbol. Scores are lowered at every step by the greatest of the step before; what they were lowered by is
// summed in double.
#pragma once

#include "keepgate/objectives.h"
#include "semiring.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

template <class T> class CtcRow {
 public:
  CtcRow(const CtcCall<T>& call, ptrdiff_t row, T* work)
      : call(call), row(row), target(call.targets + call.starts[row]), count(call.starts[row + 1] - call.starts[row]),
        steps(call.lengths[row]), width(whole_units(call.longest + 1)), stride(width + kUnit), keep(keeps(call)) {
    const ptrdiff_t kept = keep ? steps : 1;
    blanks = take(work, (keep ? steps + 1 : 2) * stride + kUnit);
    symbols = take(work, (keep ? steps + 1 : 2) * stride + kUnit);
    emissions = take(work, kept * width);
    blank_emissions = take(work, whole_units(kept));
    normalisers = take(work, whole_units(kept));
    skips = take(work, stride + kUnit);
    last_blanks = take(work, stride + kUnit);
    last_symbols = take(work, stride + kUnit);
    sums = take(work, 2 * width);
    scratch = take(work, whole_units(call.symbols));
    shifts = reinterpret_cast<double*>(work);
  }

  static bool keeps(const CtcCall<T>& call) { return call.gradient || call.posteriors || call.path; }

  static size_t work(const CtcCall<T>& call) {
    const ptrdiff_t width = whole_units(call.longest + 1), stride = width + kUnit, steps = keeps(call) ? call.steps : 1;
    return 2 * ((steps + 1) * stride + kUnit) + steps * width + 2 * whole_units(steps) + 3 * (stride + kUnit) +
           2 * width + whole_units(call.symbols) + 2 * whole_units(call.steps + 1);
  }

  void run() {
    set_skips(false);
    for (ptrdiff_t t = 0; keep && t < steps; ++t) emit(t, t);
    const double score = forward<LogSum<T>>();
    if (call.losses) call.losses[row] = T(-score);
    if (call.gradient || call.posteriors) backward(score);
    if (call.path) trace();
  }

 private:
  static T* take(T*& work, ptrdiff_t n) {
    T* const part = work;
    work += n;
    return part;
  }
  const T* values(ptrdiff_t t) const { return call.values + (t * call.rows + row) * call.symbols; }
  T* at(T* base, ptrdiff_t t) const { return base + (keep ? t : t & 1) * stride + kUnit; }

  // Skip j: to symbol j from the one before it, or back; 0 or impossible.
  void set_skips(bool back) {
    fill(skips, stride + kUnit, impossible<T>);
    for (ptrdiff_t j = 1; j < count; ++j)
      if (target[j] != target[j - 1]) skips[kUnit + j - back] = T(0);
  }

  // The scores of the blank and of the target's symbols at step t, as number `place`.
  void emit(ptrdiff_t t, ptrdiff_t place) {
    const T* from = values(t);
    const T normaliser = call.logits ? log_sum(from, call.symbols, scratch) : T(0);
    T* to = emissions + place * width;
    for (ptrdiff_t j = 0; j < count; ++j) to[j] = from[target[j]] - normaliser;
    fill(to + count, width - count, impossible<T>);
    blank_emissions[place] = from[call.blank] - normaliser;
    normalisers[place] = normaliser;
  }

  void begin(T* blank, T* symbol, ptrdiff_t start) {
    fill(blank - kUnit, stride + kUnit, impossible<T>);
    fill(symbol - kUnit, stride + kUnit, impossible<T>);
    blank[start] = T(0);
  }

  template <class Semiring> double forward() {
    constexpr int L = lanes<T>;
    begin(at(blanks, 0), at(symbols, 0), 0);
    T shift = T(0);
    double lowered = 0;
    for (ptrdiff_t t = 0; t < steps; ++t) {
      lowered += (double)shift;
      if (keep) shifts[t] = lowered;
      else emit(t, 0);
      const T *const b = at(blanks, t), *const s = at(symbols, t), *const skip = skips + kUnit;
      T *const to_b = at(blanks, t + 1), *const to_s = at(symbols, t + 1);
      const T* const emitted = emissions + (keep ? t : 0) * width;
      const T blank_emitted = blank_emissions[keep ? t : 0];
      Vector<T> top = splat<T>(impossible<T>);
      fill(to_b - kUnit, kUnit, impossible<T>);
      fill(to_s - kUnit, kUnit, impossible<T>);
      for (ptrdiff_t j = 0; j < width; j += L) {
        const Vector<T> blank = load(b + j), before = load(s + j - 1);
        const Vector<T> to = Semiring::add(blank, before) + (blank_emitted - shift);
        const Vector<T> jumped = before + load(skip + j);
        const Vector<T> symbol = Semiring::add(load(s + j), blank, jumped) + (load(emitted + j) - shift);
        store(to_b + j, to);
        store(to_s + j, symbol);
        top = larger<T>(top, larger<T>(to, symbol));
      }
      shift = shift_of<T>(top);
    }
    const T* const b = at(blanks, steps);
    const T last = count ? at(symbols, steps)[count - 1] : impossible<T>;
    return lowered + (double)Semiring::add(splat<T>(b[count]), splat<T>(last))[0];
  }

  // Posteriors from the last step to the first; `last_*` hold the score of what follows, with its emission.
  void backward(double score) {
    constexpr int L = lanes<T>;
    set_skips(true);
    T *const b = last_blanks + kUnit, *const s = last_symbols + kUnit;
    begin(b, s, count);
    T shift = T(0);
    double lowered = 0;
    clear();
    for (ptrdiff_t t = steps; t--;) {
      lowered += (double)shift;
      // The scores of both scans, less this, are logarithms of posteriors, up to rounding.
      const Vector<T> centre = splat<T>(T(score - shifts[t] - lowered));
      const T *const from_b = at(blanks, t + 1), *const from_s = at(symbols, t + 1);
      const T* const emitted = emissions + t * width;
      T *const blank_sums = sums, *const symbol_sums = sums + width;
      Vector<T> top = splat<T>(impossible<T>);
      for (ptrdiff_t j = 0; j < width; j += L) {
        const Vector<T> after = load(s + j), blank = load(b + j), next = load(b + j + 1);
        const Vector<T> jumped = load(s + j + 1) + load(skips + kUnit + j);
        const Vector<T> to = LogSum<T>::add(blank, after) - shift;
        const Vector<T> symbol = LogSum<T>::add(after, next, jumped) - shift;
        store(blank_sums + j, normal_exp<T>(to + load(from_b + j) - centre));
        store(symbol_sums + j, normal_exp<T>(symbol + load(from_s + j) - centre));
        const Vector<T> new_b = to + blank_emissions[t], new_s = symbol + load(emitted + j);
        store(b + j, new_b);
        store(s + j, new_s);
        top = larger<T>(top, larger<T>(new_b, new_s));
      }
      shift = shift_of<T>(top);
      give(t, score != (double)impossible<T>);
    }
  }

  // What the steps behind the row's length get.
  void clear() {
    for (ptrdiff_t t = steps; t < call.steps; ++t) {
      if (call.gradient) fill(gradient(t), call.symbols, T(0));
      if (call.posteriors) fill(posteriors(t), places(), T(0));
    }
  }

  ptrdiff_t places() const { return 2 * call.longest + 1; }
  T* gradient(ptrdiff_t t) const { return call.gradient + (t * call.rows + row) * call.symbols; }
  T* posteriors(ptrdiff_t t) const { return call.posteriors + (t * call.rows + row) * places(); }

  void give(ptrdiff_t t, bool possible) {
    const T *const b = sums, *const s = sums + width;
    const T blank = total(b, width);
    const T scale = T(1) / (blank + total(s, width));
    if (call.posteriors) {
      T* const to = posteriors(t);
      fill(to, places(), T(0));
      for (ptrdiff_t j = 0; possible && j <= count; ++j) {
        to[2 * j] = b[j] * scale;
        if (j < count) to[2 * j + 1] = s[j] * scale;
      }
    }
    if (!call.gradient) return;
    T* const to = gradient(t);
    if (!possible) return fill(to, call.symbols, call.zero_infinity ? T(0) : T(NAN));
    if (call.logits) {
      const Vector<T> normaliser = splat<T>(normalisers[t]);
      map1(to, values(t), call.symbols, [normaliser](Vector<T> x) { return normal_exp<T>(x - normaliser); });
    } else {
      fill(to, call.symbols, T(0));
    }
    for (ptrdiff_t j = 0; j < count; ++j) to[target[j]] -= s[j] * scale;
    to[call.blank] -= blank * scale;
  }

  // The best alignment: the scan of maxima, then back through what each maximum was.
  void trace() {
    set_skips(false);
    const bool possible = forward<Max<T>>() > (double)impossible<T>;
    ptrdiff_t place = 2 * count;
    if (count && at(symbols, steps)[count - 1] > at(blanks, steps)[count]) --place;
    for (ptrdiff_t t = call.steps; t--;) {
      int32_t& to = call.path[t * call.rows + row];
      if (t >= steps || !possible) {
        to = -1;
        continue;
      }
      to = (int32_t)place;
      place = before(place, at(blanks, t), at(symbols, t));
    }
  }

  ptrdiff_t before(ptrdiff_t place, const T* b, const T* s) const {
    const ptrdiff_t j = place / 2;
    if (place % 2 == 0) return s[j - 1] > b[j] ? place - 1 : place;
    const T jumped = s[j - 1] + skips[kUnit + j];
    const T stayed = s[j] < b[j] ? b[j] : s[j];
    return jumped > stayed ? place - 2 : b[j] > s[j] ? place - 1 : place;
  }

  const CtcCall<T>& call;
  const ptrdiff_t row;
  const int32_t* const target;
  const ptrdiff_t count, steps, width, stride;
  const bool keep;
  T *blanks, *symbols, *emissions, *blank_emissions, *normalisers, *skips, *last_blanks, *last_symbols, *sums, *scratch;
  double* shifts;
};

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
