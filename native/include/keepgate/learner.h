// A byte LSTM that learns while it predicts: the model of `keepgate compress`.
//
// L layers of H units on symbols, which are the bytes in the order in which they first came. The gates of layer l see
// the last symbol x through a table, the layer below, and the layer's own last output; the output sees all layers:
//
//   z_l[t] = E_l x[t] + W_l h_{l-1}[t] + U_l h_l[t-1],   i, f, g, o of z_l as in keepgate.cells.LSTM
//   p[t+1] = softmax(b + sum over l of V_l h_l[t]) over the symbols that have come; the others share what is set aside
//
// Every `steps` bytes the weights change by the gradient of `rows` rows of so many bytes, by truncated back-propagation
// and Adam (Kingma & Ba 2015); predictions use an exponential moving average of the weights (Polyak & Juditsky 1992).
// Row 0 is the newest bytes. The other rows, the *readers*, read on somewhere in the history, each with a state of its
// own; where the history ends, a reader starts again at a random place. The decoder has the same history.
//
// A second thread may train on some of the rows while the next bytes are predicted with the weights before the update:
// results do not depend on whether there is one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "keepgate/kernels.h"

namespace keepgate {

// What of a learner is compiled once per instruction set. Rows are dense; no kernel allocates.
struct LearnerKernels {
  // gates [rows, 4H]: i, f, g, o before their activations, which are put in their place; c = f last + i g,
  // squashed = tanh(c), h = o squashed; all [rows, H].
  void (*cell)(float* gates, const float* last, float* c, float* squashed, float* h, ptrdiff_t rows, ptrdiff_t units);

  // From the slopes of h and, in `slope` [rows, H], of c: those of the gates before their activations, and, in `slope`,
  // that of the last c.
  void (*cell_slope)(const float* gates, const float* last, const float* squashed, const float* h_slope, float* slope,
                     float* gate_slopes, ptrdiff_t rows, ptrdiff_t units);

  // values [rows, width] become their softmax; the width is a multiple of 16.
  void (*softmax)(float* values, ptrdiff_t rows, ptrdiff_t width);

  // m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, w -= rate m / (sqrt(v) + epsilon), where g is the sum
  // of two gradients times `scale`; ema += ema_rate (w - ema).
  struct Adam {
    float rate, beta1, beta2, epsilon, scale, ema_rate;
  };
  void (*adam)(const Adam&, const float* gradient, const float* other, float* w, float* ema, float* m, float* v,
               ptrdiff_t count);

  void (*add_to)(float* to, const float* from, ptrdiff_t count);
};

struct LearnerShape {
  int32_t hidden, layers;   // H, L
  int32_t main_rows, rows;  // rows of the thread that predicts, at least 1; all rows
  int32_t steps, history;   // bytes of a row; bytes that readers go back, at most
  float rate, last_rate;    // of Adam, falling in a straight line,
  int32_t decay;            // within so many bytes
  float beta1, beta2;       // of Adam
  float ema_rate;           // share of the newest weights in the average that predicts
};

class Learner {
 public:
  // `weights`, if not null: what to begin with, as `ByteLstm` has them, for symbols that are the bytes 0 to 255.
  Learner(const LearnerShape&, const Kernels<float>&, const LearnerKernels&, const float* weights, bool help);
  ~Learner();

  // Numbers in `weights`.
  static size_t numbers(const LearnerShape&);

  // Write the probabilities of the next byte, [256].
  void predict(float* to) const;

  // The next byte is this one.
  void see(uint8_t byte);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keepgate
