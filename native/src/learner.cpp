#include "keepgate/learner.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "helper.h"
#include "network.h"
#include "random.h"

namespace keepgate {

struct Learner::Inside {
  Network net;
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
  struct Line {
    std::vector<float> h, c, gates, squashed;
  };
  std::vector<Line> lines;           // of each layer,
  std::vector<Line> before, middle;  // as they were where the newest window begins, and the next
  std::vector<float> outputs;
  Network::Panels panels;

  // Learning: the rows of the thread that predicts, row 0 among them, and those of the helper.
  Pass own, others;
  std::vector<float> zeros;
  std::vector<int64_t> places;  // of each row: number of the symbol to be predicted next
  Random random;
  Helper helper;

  Inside(const LearnerShape& shape, const Kernels<float>& kernels, const LearnerKernels& learning, const float* weights,
         bool help)
      : net(shape, kernels, learning, weights), packings{net.packing(), net.packing()}, past(shape.history),
        outputs(kSymbols), panels(net.panels()), own(net, shape.own_rows, shape.steps), others(net, shape.rows - shape.own_rows, shape.steps),
        zeros(net.H), places(shape.rows, -1), helper(help) {
    std::fill_n(symbols, kSymbols, (int16_t)-1);
    if (weights)
      for (; learned < kSymbols; ++learned) meet((uint8_t)learned);
    const size_t H = net.H, room = kernels.panel;  // a product reads what it starts from by whole panels
    lines.assign(shape.layers,
                 {std::vector<float>(H), std::vector<float>(H), std::vector<float>(4 * H + room), std::vector<float>(H)});
    before = middle = lines;
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
    if (complete) middle = lines;  // the last symbol of a window is the first that the next one reads
    step(symbols[byte]);
    if (complete) learn();
  }

  void step(int symbol) {
    const Side& from = packings[now].calm;
    const ptrdiff_t width = Network::width(learned);
    for (int l = 0; l < net.shape.layers; ++l) {
      Line& line = lines[l];
      std::copy_n(from.tables.get() + (l * kSymbols + symbol) * net.G, net.G, line.gates.data());
      net.gates(from, l, l ? lines[l - 1].h.data() : nullptr, line.h.data(), 1, line.gates.data(), panels);
      net.own.cell(line.gates.data(), line.c.data(), line.c.data(), line.squashed.data(), line.h.data(), 1, net.H);
    }
    for (int l = 0; l < net.shape.layers; ++l) net.output(from, l, lines[l].h.data(), 1, width, outputs.data(), panels);
    net.own.softmax(outputs.data(), 1, width);
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
    gather(own, 0);
    gather(others, own.rows);
    before.swap(middle);
    helper.start([this] { others.run(packings[now], learned); });
    own.run(packings[now], learned);
    helper.start([this, through = (double)seen / net.shape.decay] {
      net.update(own.gradient(), others.gradient(), (own.rows + others.rows) * own.steps, learned, through);
      net.pack(packings[1 - now], learned);
    });
  }

  // Fill in what the rows read, of which the first is row `first`.
  void gather(Pass& pass, ptrdiff_t first) {
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
  void put(Pass& pass, int layer, ptrdiff_t row, const float* h, const float* c) {
    std::copy_n(h, net.H, pass.h(layer) + row * net.H);
    std::copy_n(c, net.H, pass.c(layer) + row * net.H);
  }
};

Learner::Learner(const LearnerShape& shape, const Kernels<float>& kernels, const LearnerKernels& own, const float* weights,
                 bool help)
    : inside_(std::make_unique<Inside>(shape, kernels, own, weights, help)) {}
Learner::~Learner() { inside_->helper.wait(); }
size_t Learner::numbers(const LearnerShape& shape) { return Network::numbers(shape); }
void Learner::predict(float* to) const { inside_->predict(to); }
void Learner::see(uint8_t byte) { inside_->see(byte); }

}  // namespace keepgate
