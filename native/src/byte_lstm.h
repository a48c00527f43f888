// The network of a learner: its weights, how they change, and passes forwards and backwards.
#pragma once

#include <algorithm>
#include <vector>

#include "keepgate/learner.h"
#include "packed.h"

namespace keepgate {

constexpr ptrdiff_t kSymbols = 256;
constexpr float kUnseen = -40;  // bias of a symbol that has not come

// A matrix [rows, columns] among the weights.
struct Matrix {
  size_t at;
  ptrdiff_t rows, columns;
};

// Weights as they were after one update, the matrices packed for products.
struct PackedWeights {
  std::vector<Buffer<float>> matrices;
  Buffer<float> tables, bias;
};

// What passes read on their way forward, and back; and what predictions read: an exponential moving average (EMA) of
// the weights.
struct Packing {
  PackedWeights weights, ema_weights;
  std::vector<Buffer<float>> back;
};

class ByteLstm {
 public:
  // Weights: tables [L, 256, 4H], bias [256], then of each layer U [4H, H], V [256, H] and, but for the first, W [4H,
  // H]. Gradients have the same order.
  ByteLstm(const LearnerShape&, const Kernels<float>&, const LearnerKernels&, const float* weights);

  static size_t numbers(const LearnerShape&);

  // Symbols that the output has: those that have come, up to a multiple of 16.
  static ptrdiff_t width(int known) { return (known + 15) / 16 * 16; }

  // Change the weights by the sum of two gradients, of `count` predictions in all; `progress`: of the decay of the
  // rate, 1 at its end.
  void update(const float* gradient, const float* other, ptrdiff_t count, int known, double progress);

  // Copy the weights of the first `known` symbols, and all others.
  void pack(Packing& to, int known) const;
  Packing packing() const;

  // This symbol has come.
  void welcome(int symbol) { w.get()[bias_at + symbol] = ema.get()[bias_at + symbol] = 0; }

  using Panels = std::vector<Panel<float>>;  // room of one thread, which no pass makes larger
  Panels panels() const {
    Panels room;
    room.reserve((std::max(G, kSymbols) + kernels.panel - 1) / kernels.panel);
    return room;
  }

  // z [rows, 4H] of layer l, where the table's rows already stand.
  void gates(const PackedWeights&, int layer, const float* below, const float* last, ptrdiff_t rows, float* z,
             Panels&) const;

  // One layer's share in the output's values [rows, width].
  void output(const PackedWeights&, int layer, const float* h, ptrdiff_t rows, ptrdiff_t width, float* to,
              Panels&) const;

  // to [rows, columns] = (add ? to : 0) + deltas [rows, depth] times matrix `i`, or its first `depth` rows.
  void back(const Packing&, size_t i, const float* deltas, ptrdiff_t depth, ptrdiff_t rows, bool add, float* to,
            Panels&) const;

  // Rows of matrix `i` that are in use.
  ptrdiff_t rows(size_t i, int known) const { return matrices[i].rows == kSymbols ? width(known) : matrices[i].rows; }

  size_t recurrent(int layer) const { return layer ? 3 * layer - 1 : 0; }
  size_t readout(int layer) const { return recurrent(layer) + 1; }
  size_t below(int layer) const { return recurrent(layer) + 2; }

  const LearnerShape shape;
  const Kernels<float>& kernels;
  const LearnerKernels& learning;
  const ptrdiff_t H, G;  // units and gates of a layer
  std::vector<Matrix> matrices;
  size_t bias_at, count;

 private:
  void begin();
  PackedWeights packed_zeros() const;
  void pack(const Buffer<float>& from, PackedWeights& to, int known) const;
  void multiply(std::initializer_list<Segment<float>>, ptrdiff_t rows, const float* start, ptrdiff_t start_stride,
                float* to, ptrdiff_t columns, Panels&) const;

  Buffer<float> w, ema, m, v;
  int64_t updates_ = 0;
  double power1_ = 1, power2_ = 1;  // of beta1 and beta2, to the number of updates
};

// Memory of passes over `steps` steps of `rows` rows, time first, with its own gradient. One thread at a time.
class TrainingPass {
 public:
  TrainingPass(const ByteLstm&, ptrdiff_t rows, ptrdiff_t steps);

  // Symbols that are read, and those that come after them, [steps, rows].
  std::vector<uint8_t> inputs, targets;

  // The states before the first step, [rows, H]; after `run`, `carry` makes those behind the last step the first.
  float* h(int layer) { return tapes_[layer].h.get(); }
  float* c(int layer) { return tapes_[layer].c.get(); }
  void carry();

  // The gradient of the sum of losses over all predictions.
  void run(const Packing&, int known);
  const float* gradient() const { return gradient_.get(); }

  const ptrdiff_t rows, steps;

 private:
  void forward(const Packing&);
  void backward(const Packing&);
  void outer(const float* deltas, ptrdiff_t width, const float* sources, size_t matrix);

  // Over time; states have one step more.
  struct Tape {
    Buffer<float> h, c, gates, squashed, slopes, h_slopes, c_slope;
  };

  const ByteLstm& net_;
  std::vector<Tape> tapes_;
  Buffer<float> outputs_, gradient_, work_;
  ByteLstm::Panels panels_;
  ptrdiff_t known_ = 0, width_ = 0;
};

}  // namespace keepgate
