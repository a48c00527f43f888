#include "keepgate/learner.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "helper.h"
#include "byte_lstm.h"
#include "random.h"

namespace keepgate {

struct Learner::Impl {
  ByteLstm net;
  Packing packings[2];  // of the weights now, which all read, and of the next
  int now = 0;

  // Symbols: of a byte, or -1; and the bytes in the order in which they came.
  int16_t symbols[kSymbols];
  uint8_t bytes[kSymbols];
  int known = 0;                // that have come,
  int learned = 0, shown = 0;  // that the weights in use tell apart, and `outputs`

  // The history as symbols: number k at k modulo its size.
  std::vector<uint8_t> past;
  int64_t seen = 0;

  // Prediction.
  struct LayerState {
    std::vector<float> h, c, gates, squashed;
  };
  std::vector<LayerState> layers;           // of each layer,
  std::vector<LayerState> before, middle;  // as they were where the newest window begins, and the next
  std::vector<float> outputs;
  ByteLstm::Panels panels;

  // Learning: the rows of the thread that predicts, row 0 among them, and those of the helper.
  TrainingPass main_pass, helper_pass;
  std::vector<float> zeros;
  std::vector<int64_t> places;  // of each row: number of the symbol to be predicted next
  Random random;
  Helper helper;

  Impl(const LearnerShape& shape, const Kernels<float>& kernels, const LearnerKernels& learning, const float* weights,
         bool help)
      : net(shape, kernels, learning, weights), packings{net.packing(), net.packing()}, past(shape.history),
        outputs(kSymbols), panels(net.panels()), main_pass(net, shape.main_rows, shape.steps),
        helper_pass(net, shape.rows - shape.main_rows, shape.steps),
        zeros(net.H), places(shape.rows, -1), helper(help) {
    std::fill_n(symbols, kSymbols, (int16_t)-1);
    if (weights)
      for (; learned < kSymbols; ++learned) meet((uint8_t)learned);
    const std::vector<float> units(net.H), gates(4 * net.H + kernels.panel);  // products start from whole panels
    layers.assign(shape.layers, {units, units, gates, units});
    before = middle = layers;
  }

  void meet(uint8_t byte) {
    bytes[known] = byte;
    symbols[byte] = (int16_t)known++;
  }

  void predict(float* to) const {
    // The more has come that was known, the less is set aside for what is not.
    const float aside = shown == kSymbols ? 0 : shown ? 0.3f * shown / (seen + shown) : 1;
    std::fill_n(to, kSymbols, aside / (kSymbols - shown + (shown == kSymbols)));
    for (int s = 0; s < shown; ++s) to[bytes[s]] = (1 - aside) * outputs[s];
  }

  void see(uint8_t byte) {
    if (symbols[byte] < 0) meet(byte);
    past[seen++ % net.shape.history] = (uint8_t)symbols[byte];
    const bool complete = seen % net.shape.steps == 0;
    if (complete) middle = layers;  // the last symbol of a window is the first that the next one reads
    step(symbols[byte]);
    if (complete) learn();
  }

  void step(int symbol) {
    const PackedWeights& from = packings[now].ema_weights;
    const ptrdiff_t width = ByteLstm::width(learned);
    for (int l = 0; l < net.shape.layers; ++l) {
      LayerState& layer = layers[l];
      std::copy_n(from.tables.get() + (l * kSymbols + symbol) * net.G, net.G, layer.gates.data());
      net.gates(from, l, l ? layers[l - 1].h.data() : nullptr, layer.h.data(), 1, layer.gates.data(), panels);
      float* const c = layer.c.data();
      net.learning.cell(layer.gates.data(), c, c, layer.squashed.data(), layer.h.data(), 1, net.H);
    }
    for (int l = 0; l < net.shape.layers; ++l)
      net.output(from, l, layers[l].h.data(), 1, width, outputs.data(), panels);
    net.learning.softmax(outputs.data(), 1, width);
    shown = learned;
  }

  // A window is complete: what was learned meanwhile comes into use, and the next change is begun.
  void learn() {
    helper.wait();
    now = 1 - now;
    if (learned < known) {
      for (; learned < known; ++learned) net.welcome(learned);
      net.pack(packings[now], learned);
    }
    gather(main_pass, 0);
    gather(helper_pass, main_pass.rows);
    before.swap(middle);
    helper.start([this] { helper_pass.run(packings[now], learned); });
    main_pass.run(packings[now], learned);
    helper.start([this, progress = (double)seen / net.shape.decay] {
      const ptrdiff_t count = (main_pass.rows + helper_pass.rows) * main_pass.steps;
      net.update(main_pass.gradient(), helper_pass.gradient(), count, learned, progress);
      net.pack(packings[1 - now], learned);
    });
  }

  // Fill in what the rows read, of which the first is row `first`.
  void gather(TrainingPass& pass, ptrdiff_t first) {
    const int64_t oldest = std::max<int64_t>(0, seen - net.shape.history + 1);
    pass.carry();
    for (ptrdiff_t n = 0; n < pass.rows; ++n) {
      int64_t& place = places[first + n];
      const bool newest = first + n == 0, lost = place < oldest || place + pass.steps > seen;
      if (newest) place = seen - pass.steps;
      else if (lost) place = oldest + random.below((uint32_t)(seen - pass.steps - oldest + 1));
      for (int l = 0; l < net.shape.layers; ++l) {
        if (newest) put(pass, l, n, before[l].h.data(), before[l].c.data());
        else if (lost) put(pass, l, n, zeros.data(), zeros.data());
      }
      for (ptrdiff_t t = 0; t < pass.steps; ++t, ++place) {
        pass.inputs[t * pass.rows + n] = place ? past[(place - 1) % net.shape.history] : 0;
        pass.targets[t * pass.rows + n] = past[place % net.shape.history];
      }
    }
  }
  void put(TrainingPass& pass, int layer, ptrdiff_t row, const float* h, const float* c) {
    std::copy_n(h, net.H, pass.h(layer) + row * net.H);
    std::copy_n(c, net.H, pass.c(layer) + row * net.H);
  }
};

Learner::Learner(const LearnerShape& shape, const Kernels<float>& kernels, const LearnerKernels& learning,
                 const float* weights, bool help)
    : impl_(std::make_unique<Impl>(shape, kernels, learning, weights, help)) {}
Learner::~Learner() { impl_->helper.wait(); }
size_t Learner::numbers(const LearnerShape& shape) { return ByteLstm::numbers(shape); }
void Learner::predict(float* to) const { impl_->predict(to); }
void Learner::see(uint8_t byte) { impl_->see(byte); }

}  // namespace keepgate
