// The kernels of the predictor: compiled once per instruction set, with KEEPGATE_SET its name (see simd.h).
#include "keepgate/contexts.h"
#include "keepgate/learner.h"
#include "elementwise.h"

namespace keepgate {
inline namespace KEEPGATE_SET {
namespace {

using V = Vector<float>;
constexpr int L = lanes<float>;

// Calls f(i, count) for each vector of a row.
template <class F> inline void over(ptrdiff_t count, F f) {
  for (ptrdiff_t i = 0; i < count; i += L) f(i, count - i);
}

void cell(float* gates, const float* last, float* c, float* squashed, float* h, ptrdiff_t rows, ptrdiff_t units) {
  for (ptrdiff_t r = 0; r < rows; ++r, gates += 4 * units, last += units, c += units, squashed += units, h += units)
    over(units, [&](ptrdiff_t u, ptrdiff_t n) {
      const V i = open_sigmoid<float>(load_up_to(gates + u, n));
      const V f = open_sigmoid<float>(load_up_to(gates + units + u, n));
      const V g = tanh<float>(load_up_to(gates + 2 * units + u, n));
      const V o = open_sigmoid<float>(load_up_to(gates + 3 * units + u, n));
      const V now = fma(f, load_up_to(last + u, n), i * g), bent = tanh<float>(now);
      store_up_to(gates + u, i, n);
      store_up_to(gates + units + u, f, n);
      store_up_to(gates + 2 * units + u, g, n);
      store_up_to(gates + 3 * units + u, o, n);
      store_up_to(c + u, now, n);
      store_up_to(squashed + u, bent, n);
      store_up_to(h + u, o * bent, n);
    });
}

void cell_slope(const float* gates, const float* last, const float* squashed, const float* h_slope, float* slope,
                float* gate_slopes, ptrdiff_t rows, ptrdiff_t units) {
  const V one = splat<float>(1);
  for (ptrdiff_t r = 0; r < rows; ++r, gates += 4 * units, last += units, squashed += units, h_slope += units,
                 slope += units, gate_slopes += 4 * units)
    over(units, [&](ptrdiff_t u, ptrdiff_t n) {
      const V i = load_up_to(gates + u, n), f = load_up_to(gates + units + u, n);
      const V g = load_up_to(gates + 2 * units + u, n), o = load_up_to(gates + 3 * units + u, n);
      const V bent = load_up_to(squashed + u, n), dh = load_up_to(h_slope + u, n);
      const V dc = fma(dh * o, fnma(bent, bent, one), load_up_to(slope + u, n));
      store_up_to(gate_slopes + u, dc * g * (i * (one - i)), n);
      store_up_to(gate_slopes + units + u, dc * load_up_to(last + u, n) * (f * (one - f)), n);
      store_up_to(gate_slopes + 2 * units + u, dc * i * fnma(g, g, one), n);
      store_up_to(gate_slopes + 3 * units + u, dh * bent * (o * (one - o)), n);
      store_up_to(slope + u, dc * f, n);
    });
}

void softmax(float* values, ptrdiff_t rows, ptrdiff_t width) {
  for (; rows > 0; --rows, values += width) {
    V top = load(values);
    over(width, [&](ptrdiff_t i, ptrdiff_t) { top = max(load(values + i), top); });
    float largest = top[0];
    for (int l = 1; l < L; ++l) largest = top[l] > largest ? top[l] : largest;
    map1(values, values, width, [=](V x) { return normal_exp<float>(x - splat<float>(largest)); });
    const V scale = splat<float>(1 / total(values, width));
    map1(values, values, width, [=](V x) { return x * scale; });
  }
}

void adam(const LearnerKernels::Adam& by, const float* gradient, const float* other, float* w, float* ema,
          float* m, float* v, ptrdiff_t count) {
  const V beta1 = splat<float>(by.beta1), beta2 = splat<float>(by.beta2), epsilon = splat<float>(by.epsilon);
  const V share1 = splat<float>(1 - by.beta1), share2 = splat<float>(1 - by.beta2), rate = splat<float>(by.rate);
  const V scale = splat<float>(by.scale), ema_rate = splat<float>(by.ema_rate);
  over(count, [&](ptrdiff_t i, ptrdiff_t n) {
    const V g = (load_up_to(gradient + i, n) + load_up_to(other + i, n)) * scale;
    const V first = fma(beta1, load_up_to(m + i, n), share1 * g);
    const V second = fma(beta2, load_up_to(v + i, n), share2 * g * g);
    store_up_to(m + i, first, n);
    store_up_to(v + i, second, n);
    const V now = fnma(rate, first / (sqrt(second) + epsilon), load_up_to(w + i, n)), before = load_up_to(ema + i, n);
    store_up_to(w + i, now, n);
    store_up_to(ema + i, fma(ema_rate, now - before, before), n);
  });
}

void add_to(float* to, const float* from, ptrdiff_t count) {
  over(count, [&](ptrdiff_t i, ptrdiff_t n) {
    store_up_to(to + i, load_up_to(to + i, n) + load_up_to(from + i, n), n);
  });
}

void stretch(const float* p, float* x, ptrdiff_t count) {
  map1(x, p, count, [](V q) { return log<float>(q / (splat<float>(1) - q)); });
}

void squash(const float* x, float* p, ptrdiff_t count) {
  map1(p, x, count, [](V y) { return open_sigmoid<float>(y); });
}

float dot(const float* w, const float* x) {
  RowSum<float> sum;
  over_row<float>(kInputs, [&](int v, ptrdiff_t i, ptrdiff_t) {
    sum.sum[v] = fma(load(w + i), load(x + i), sum.sum[v]);
  });
  return sum.total();
}

void learn(float* w, const float* x, float step) {
  map2(w, w, x, kInputs, [step](V a, V b) { return fma(splat<float>(step), b, a); });
}

}  // namespace

extern const MixerKernels mixer_kernels;
const MixerKernels mixer_kernels = {stretch, squash, dot, learn};

extern const LearnerKernels learner_kernels;
const LearnerKernels learner_kernels = {cell, cell_slope, softmax, adam, add_to};

}  // namespace KEEPGATE_SET
}  // namespace keepgate
