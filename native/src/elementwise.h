// The elementwise operations of a stage, on blocks of rows small enough to stay in the caches.
#pragma once

#include "functions.h"
#include "keepgate/kernels.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

template <class T, class F> inline void map1(T* to, const T* a, ptrdiff_t n, F f) {
  constexpr int L = lanes<T>;
  ptrdiff_t i = 0;
  for (; i + L <= n; i += L) store(to + i, f(load(a + i)));
  if (i < n) store_partial(to + i, f(load_partial(a + i, n - i)), n - i);
}

template <class T, class F> inline void map2(T* to, const T* a, const T* b, ptrdiff_t n, F f) {
  constexpr int L = lanes<T>;
  ptrdiff_t i = 0;
  for (; i + L <= n; i += L) store(to + i, f(load(a + i), load(b + i)));
  if (i < n) store_partial(to + i, f(load_partial(a + i, n - i), load_partial(b + i, n - i)), n - i);
}

template <class T, class F> inline void map3(T* to, const T* a, const T* b, const T* c, ptrdiff_t n, F f) {
  constexpr int L = lanes<T>;
  ptrdiff_t i = 0;
  for (; i + L <= n; i += L) store(to + i, f(load(a + i), load(b + i), load(c + i)));
  if (i < n)
    store_partial(to + i, f(load_partial(a + i, n - i), load_partial(b + i, n - i), load_partial(c + i, n - i)), n - i);
}

// A sum over a row in 16 lanes whatever the vector size: unit u goes to lane u mod 16; then the lanes by halves.
template <class T> struct RowSum {
  static constexpr int vectors = 16 / lanes<T>;
  Vector<T> sum[vectors] = {};

  T total() const {
    T part[16];
    std::memcpy(part, sum, sizeof part);
    return halves<8>(part);
  }

 private:
  template <int N> static T halves(const T* from) {
    typedef T Half __attribute__((vector_size(N * sizeof(T))));
    Half low, high;
    std::memcpy(&low, from, sizeof low);
    std::memcpy(&high, from + N, sizeof high);
    low += high;
    T part[N];
    std::memcpy(part, &low, sizeof low);
    if constexpr (N == 1) return part[0];
    else return halves<N / 2>(part);
  }
};

// Calls f(v, i, count) for each vector of a row: units i to i + count, which belong to vector v of the lanes.
template <class T, class F> inline void over_row(ptrdiff_t width, F f) {
  constexpr int L = lanes<T>, V = RowSum<T>::vectors;
  ptrdiff_t i = 0;
  for (; i + 16 <= width; i += 16)
#pragma GCC unroll 8
    for (int v = 0; v < V; ++v) f(v, i + v * L, L);
#pragma GCC unroll 8
  for (int v = 0; v < V; ++v, i += L)
    if (i < width) f(v, i, width - i < L ? width - i : L);
}

template <class T> inline T total(const T* a, ptrdiff_t n) {
  RowSum<T> of;
  over_row<T>(n, [&](int v, ptrdiff_t i, ptrdiff_t count) { of.sum[v] += load_up_to(a + i, count); });
  return of.total();
}

template <class T> inline T mean(const T* a, ptrdiff_t n) { return total(a, n) / T(n); }

template <class T> inline T deviation(const T* a, ptrdiff_t n, T centre) {
  const Vector<T> c = splat<T>(centre);
  RowSum<T> squares;
  over_row<T>(n, [&](int v, ptrdiff_t i, ptrdiff_t count) {
    const Vector<T> x = mask_tail<T>(load_up_to(a + i, count) - c, count);
    squares.sum[v] = fma(x, x, squares.sum[v]);
  });
  return __builtin_sqrt(squares.total() / T(n) + T(1e-5));
}

template <class T> void means(T* to, const T* a, ptrdiff_t rows, ptrdiff_t width) {
  for (ptrdiff_t r = 0; r < rows; ++r) to[r] = mean(a + r * width, width);
}

template <class T> void deviations(T* to, const T* a, ptrdiff_t rows, ptrdiff_t width) {
  for (ptrdiff_t r = 0; r < rows; ++r) to[r] = deviation(a + r * width, width, mean(a + r * width, width));
}

template <class T> void normalise(T* to, T* spreads, const T* a, ptrdiff_t rows, ptrdiff_t width) {
  for (ptrdiff_t r = 0; r < rows; ++r, a += width, to += width) {
    const T centre = mean(a, width);
    spreads[r] = deviation(a, width, centre);
    const Vector<T> c = splat<T>(centre), s = splat<T>(T(1) / spreads[r]);
    map1(to, a, width, [c, s](Vector<T> x) { return (x - c) * s; });
  }
}

template <class T>
void normalise_slope(T* to, const T* g, const T* y, const T* spreads, ptrdiff_t rows, ptrdiff_t width) {
  for (ptrdiff_t r = 0; r < rows; ++r, g += width, y += width, to += width) {
    RowSum<T> shift, scale;
    over_row<T>(width, [&](int v, ptrdiff_t i, ptrdiff_t count) {
      const Vector<T> x = load_up_to(g + i, count);
      shift.sum[v] += x;
      scale.sum[v] = fma(x, load_up_to(y + i, count), scale.sum[v]);
    });
    const Vector<T> m = splat<T>(shift.total() / T(width)), k = splat<T>(scale.total() / T(width));
    const Vector<T> s = splat<T>(T(1) / spreads[r]);
    map2(to, g, y, width, [=](Vector<T> a, Vector<T> b) { return fnma(b, k, a - m) * s; });
  }
}

template <class T> inline void fill(T* to, ptrdiff_t n, T value) {
  for (ptrdiff_t i = 0; i < n; ++i) to[i] = value;
}

template <class T> inline T* at(const StridedView<T>& value, ptrdiff_t row) { return value.base + row * value.stride; }

template <class T>
void elementwise(const Instruction* code, size_t count, const StridedView<T>* values, ptrdiff_t first, ptrdiff_t rows) {
  using V = Vector<T>;
  const V one = splat<T>(1), zero = splat<T>(0);
  for (size_t i = 0; i < count; ++i) {
    const Instruction& op = code[i];
    T* to = at(values[op.target], first);
    const T* a = at(values[op.args[0]], first);
    const T* b = at(values[op.args[1]], first);
    const T* c = at(values[op.args[2]], first);
    const ptrdiff_t n = rows * op.width;
    switch (op.op) {
      case Op::add: map2(to, a, b, n, [](V x, V y) { return x + y; }); break;
      case Op::subtract: map2(to, a, b, n, [](V x, V y) { return x - y; }); break;
      case Op::multiply: map2(to, a, b, n, [](V x, V y) { return x * y; }); break;
      case Op::divide: map2(to, a, b, n, [](V x, V y) { return x / y; }); break;
      case Op::negative: map1(to, a, n, [](V x) { return -x; }); break;
      case Op::sigmoid: map1(to, a, n, [](V x) { return sigmoid<T>(x); }); break;
      case Op::tanh: map1(to, a, n, [](V x) { return tanh<T>(x); }); break;
      case Op::exp: map1(to, a, n, [](V x) { return exp<T>(x); }); break;
      case Op::log: map1(to, a, n, [](V x) { return log<T>(x); }); break;
      case Op::sqrt: map1(to, a, n, [](V x) { return sqrt(x); }); break;
      case Op::softplus: map1(to, a, n, [](V x) { return softplus<T>(x); }); break;
      case Op::relu: map1(to, a, n, [=](V x) { return x < zero ? zero : x; }); break;
      case Op::absolute: map1(to, a, n, [](V x) { return absolute<T>(x); }); break;
      case Op::minimum: map2(to, a, b, n, [](V x, V y) { return (y < x) | (y != y) ? y : x; }); break;
      case Op::maximum: map2(to, a, b, n, [](V x, V y) { return (x < y) | (y != y) ? y : x; }); break;
      case Op::less: map2(to, a, b, n, [=](V x, V y) { return x < y ? one : zero; }); break;
      case Op::where: map3(to, a, b, c, n, [=](V t, V x, V y) { return t != zero ? x : y; }); break;
      case Op::mean: means(to, a, rows, op.width); break;
      case Op::deviation: deviations(to, a, rows, op.width); break;
      case Op::normalise: normalise(to, at(values[op.args[1]], first), a, rows, op.width); break;
      case Op::normalise_slope: normalise_slope(to, a, b, c, rows, op.width); break;
      case Op::broadcast:
        for (ptrdiff_t r = 0; r < rows; ++r, to += op.width) fill(to, op.width, a[r]);
        break;
      case Op::multiply_add: map3(to, a, b, c, n, [](V x, V y, V z) { return fma(x, y, z); }); break;
      case Op::sigmoid_slope: map2(to, a, b, n, [=](V g, V y) { return g * fma(-y, y, y); }); break;
      case Op::tanh_slope: map2(to, a, b, n, [=](V g, V y) { return g * fma(-y, y, one); }); break;
    }
  }
}

template <class T> void add(const T* a, const T* b, T* to, ptrdiff_t n) {
  map2(to, a, b, n, [](Vector<T> x, Vector<T> y) { return x + y; });
}

inline uint32_t mix(uint32_t x) {
  x ^= x >> 16;
  x *= 0x7FEB352Du;
  x ^= x >> 15;
  x *= 0x846CA68Bu;
  return x ^ (x >> 16);
}

template <class T>
void bernoulli(uint32_t key, uint32_t step, const int32_t* rows, ptrdiff_t count, ptrdiff_t units, uint64_t threshold,
               T* to) {
  const uint32_t base = mix(key ^ step);
  for (ptrdiff_t r = 0; r < count; ++r) {
    const uint32_t row = mix(base ^ (uint32_t)rows[r]);
    for (ptrdiff_t u = 0; u < units; ++u)
      to[r * units + u] = mix(row + (uint32_t)u * 0x9E3779B9u) < threshold ? T(1) : T(0);
  }
}

}  // namespace
}  // namespace KEEPGATE_SET
}  // namespace keepgate
