// The two semirings of one recursion over a lattice: logarithms of sums give the total over all paths, maxima the best
// path. A path that is impossible scores -infinity. Nothing but exactly rounded operations and our own exp and log, in
// one order: the same bits on every instruction set.
#pragma once

#include "functions.h"
#include "elementwise.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

constexpr ptrdiff_t kUnit = 16;  // rows of states are padded to whole units, whatever the vector size

inline ptrdiff_t whole_units(ptrdiff_t n) { return (n + kUnit - 1) / kUnit * kUnit; }

template <class T> constexpr T impossible = T(-INFINITY);

// x, but for -infinity the lowest finite number: so that a difference of two impossible scores is not NaN.
template <class T> inline Vector<T> finite(Vector<T> x) {
  return max(splat<T>(sizeof(T) == 4 ? T(-3.4e38f) : T(-1.7e308)), x);
}

template <class T> inline Vector<T> larger(Vector<T> a, Vector<T> b) { return a < b ? b : a; }
template <class T> inline Vector<T> smaller(Vector<T> a, Vector<T> b) { return a < b ? a : b; }

template <class T> struct LogSum {
  static Vector<T> add(Vector<T> a, Vector<T> b) {
    const Vector<T> high = larger<T>(a, b), low = smaller<T>(a, b);
    return high + log<T>(T(1) + normal_exp<T>(low - finite<T>(high)));
  }
  static Vector<T> add(Vector<T> a, Vector<T> b, Vector<T> c) {
    const Vector<T> high = larger<T>(a, b), low = smaller<T>(a, b);
    const Vector<T> top = larger<T>(high, c), middle = smaller<T>(high, c), base = finite<T>(top);
    return top + log<T>((T(1) + normal_exp<T>(middle - base)) + normal_exp<T>(low - base));
  }
  // Sum over i < count of score(i), in order.
  template <class F> static Vector<T> sum(ptrdiff_t count, const F& score) {
    Vector<T> top = score(0);
    for (ptrdiff_t i = 1; i < count; ++i) top = larger<T>(top, score(i));
    const Vector<T> base = finite<T>(top);
    Vector<T> total = normal_exp<T>(score(0) - base);
    for (ptrdiff_t i = 1; i < count; ++i) total += normal_exp<T>(score(i) - base);
    return top + log<T>(total);
  }
};

template <class T> struct Max {
  static Vector<T> add(Vector<T> a, Vector<T> b) { return larger<T>(a, b); }
  static Vector<T> add(Vector<T> a, Vector<T> b, Vector<T> c) { return larger<T>(larger<T>(a, b), c); }
  template <class F> static Vector<T> sum(ptrdiff_t count, const F& score) {
    Vector<T> top = score(0);
    for (ptrdiff_t i = 1; i < count; ++i) top = larger<T>(top, score(i));
    return top;
  }
};

template <class T> inline T add_one(T a, T b) { return LogSum<T>::add(splat<T>(a), splat<T>(b))[0]; }

template <class T> inline T greatest_lane(Vector<T> v) {
  T top = v[0];
  for (int lane = 1; lane < lanes<T>; ++lane) top = top < v[lane] ? v[lane] : top;
  return top;
}

// What one step is lowered by, so that scores stay near 0 however many steps there are.
template <class T> inline T shift_of(Vector<T> top) {
  const T greatest = greatest_lane<T>(top);
  return greatest > impossible<T> ? greatest : T(0);
}

template <class T> inline T greatest(const T* a, ptrdiff_t n) {
  constexpr int L = lanes<T>;
  Vector<T> top = splat<T>(impossible<T>);
  ptrdiff_t i = 0;
  for (; i + L <= n; i += L) top = larger<T>(top, load(a + i));
  T result = greatest_lane<T>(top);
  for (; i < n; ++i) result = result < a[i] ? a[i] : result;
  return result;
}

// log(sum(exp(a))); `work` [n].
template <class T> inline T log_sum(const T* a, ptrdiff_t n, T* work) {
  const Vector<T> top = splat<T>(greatest(a, n)), base = finite<T>(top);
  map1(work, a, n, [base](Vector<T> x) { return normal_exp<T>(x - base); });
  return (top + log<T>(splat<T>(total(work, n))))[0];
}

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
