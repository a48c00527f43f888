#include "byte_lstm.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "random.h"

namespace keepgate {
namespace {

Buffer<float> zeros(size_t count) {
  Buffer<float> buffer(count);
  std::fill_n(buffer.get(), count, 0.0f);
  return buffer;
}

Segment<float> segment(const float* rows, const Buffer<float>& packed, ptrdiff_t depth) {
  return {rows, depth, reinterpret_cast<const char*>(packed.get()), depth};
}

}  // namespace

size_t ByteLstm::numbers(const LearnerShape& shape) {
  const size_t H = shape.hidden, layers = shape.layers;
  return layers * kSymbols * 4 * H + kSymbols + layers * (4 * H * H + kSymbols * H) + (layers - 1) * 4 * H * H;
}

ByteLstm::ByteLstm(const LearnerShape& shape, const Kernels<float>& kernels, const LearnerKernels& learning,
                   const float* weights)
    : shape(shape), kernels(kernels), learning(learning), H(shape.hidden), G(4 * H),
      bias_at(shape.layers * kSymbols * G), count(bias_at + kSymbols) {
  const auto add = [&](ptrdiff_t rows) {
    matrices.push_back({count, rows, H});
    count += rows * H;
  };
  for (int l = 0; l < shape.layers; ++l) {
    add(G);
    add(kSymbols);
    if (l) add(G);
  }
  w = zeros(count), ema = zeros(count), m = zeros(count), v = zeros(count);
  if (weights) std::copy_n(weights, count, w.get());
  else begin();
  std::copy_n(w.get(), count, ema.get());
}

// Tables and the layers' matrices uniform in +-1 / sqrt(H), forget gates with a bias of 1; the output's 0.
void ByteLstm::begin() {
  Random random;
  const float bound = 1 / std::sqrt((float)H);
  const auto uniform = [&] { return ((int32_t)random.below(1u << 24) - (1 << 23)) * (bound / (1 << 23)); };
  for (size_t i = 0; i < bias_at; ++i) w.get()[i] = uniform() + ((ptrdiff_t)i % G / H == 1 ? 1.0f : 0.0f);
  std::fill_n(w.get() + bias_at, kSymbols, kUnseen);
  for (const Matrix& matrix : matrices)
    if (matrix.rows == G)
      for (ptrdiff_t i = 0; i < G * H; ++i) w.get()[matrix.at + i] = uniform();
}

PackedWeights ByteLstm::packed_zeros() const {
  PackedWeights to;
  for (const Matrix& matrix : matrices)
    to.matrices.push_back(zeros((matrix.rows + kernels.panel - 1) / kernels.panel * kernels.panel * H));
  to.tables = zeros(bias_at);
  to.bias = zeros(kSymbols);
  return to;
}

Packing ByteLstm::packing() const {
  Packing to{packed_zeros(), packed_zeros(), {}};
  for (const Matrix& matrix : matrices)
    to.back.push_back(zeros((H + kernels.panel - 1) / kernels.panel * kernels.panel * matrix.rows));
  pack(to, kSymbols);
  return to;
}

void ByteLstm::pack(const Buffer<float>& from, PackedWeights& to, int known) const {
  for (size_t i = 0; i < matrices.size(); ++i)
    kernels.pack(from.get() + matrices[i].at, rows(i, known), H, H, 1, to.matrices[i].get());
  for (int l = 0; l < shape.layers; ++l)
    std::copy_n(from.get() + l * kSymbols * G, known * G, to.tables.get() + l * kSymbols * G);
  std::copy_n(from.get() + bias_at, kSymbols, to.bias.get());
}

void ByteLstm::pack(Packing& to, int known) const {
  pack(w, to.weights, known);
  pack(ema, to.ema_weights, known);
  for (size_t i = 0; i < matrices.size(); ++i)
    kernels.pack(w.get() + matrices[i].at, H, 1, rows(i, known), H, to.back[i].get());
}

void ByteLstm::update(const float* gradient, const float* other, ptrdiff_t count, int known, double progress) {
  ++updates_;
  power1_ *= shape.beta1, power2_ *= shape.beta2;
  const double rate = shape.rate + (shape.last_rate - shape.rate) * std::min(progress, 1.0);
  // Averages begin at 0: what they lack of the ema so far (Kingma & Ba 2015, section 3).
  const LearnerKernels::Adam by{(float)(rate * std::sqrt(1 - power2_) / (1 - power1_)), shape.beta1, shape.beta2, 1e-8f,
                                1.0f / count, std::max(shape.ema_rate, 1.0f / (updates_ + 1))};
  const auto run = [&](size_t at, size_t numbers) {
    learning.adam(by, gradient + at, other + at, w.get() + at, ema.get() + at, m.get() + at, v.get() + at, numbers);
  };
  for (int l = 0; l < shape.layers; ++l) run(l * kSymbols * G, known * G);
  run(bias_at, known);
  for (size_t i = 0; i < matrices.size(); ++i) run(matrices[i].at, rows(i, known) * H);
}

void ByteLstm::multiply(std::initializer_list<Segment<float>> segments, ptrdiff_t rows, const float* start,
                       ptrdiff_t start_stride, float* to, ptrdiff_t columns, Panels& panels) const {
  panels.clear();
  for (ptrdiff_t at = 0; at < columns; at += kernels.panel)
    panels.push_back({to + at, columns, (int32_t)std::min<ptrdiff_t>(kernels.panel, columns - at)});
  kernels.product({segments.begin(), (int32_t)segments.size(), (int32_t)panels.size(), panels.data(), start,
                   start_stride, rows});
}

void ByteLstm::gates(const PackedWeights& from, int layer, const float* below_h, const float* last, ptrdiff_t rows,
                     float* z, Panels& panels) const {
  const Segment<float> recurrence = segment(last, from.matrices[recurrent(layer)], H);
  if (layer) multiply({recurrence, segment(below_h, from.matrices[below(layer)], H)}, rows, z, G, z, G, panels);
  else multiply({recurrence}, rows, z, G, z, G, panels);
}

void ByteLstm::output(const PackedWeights& from, int layer, const float* h, ptrdiff_t rows, ptrdiff_t width, float* to,
                     Panels& panels) const {
  const float* const start = layer ? to : from.bias.get();
  multiply({segment(h, from.matrices[readout(layer)], H)}, rows, start, layer ? width : 0, to, width, panels);
}

void ByteLstm::back(const Packing& from, size_t i, const float* deltas, ptrdiff_t depth, ptrdiff_t rows, bool add,
                    float* to, Panels& panels) const {
  multiply({segment(deltas, from.back[i], depth)}, rows, add ? to : nullptr, H, to, H, panels);
}

TrainingPass::TrainingPass(const ByteLstm& net, ptrdiff_t rows, ptrdiff_t steps)
    : inputs(rows * steps), targets(rows * steps), rows(rows), steps(steps), net_(net) {
  const ptrdiff_t H = net.H, G = net.G, all = rows * steps, panel = net.kernels.panel;
  for (int l = 0; l < net.shape.layers; ++l)
    tapes_.push_back({zeros(all * H + rows * H), zeros(all * H + rows * H), zeros(all * G + panel), zeros(all * H),
                      zeros(all * G), zeros(all * H + panel), zeros(rows * H)});
  outputs_ = zeros(all * kSymbols);
  gradient_ = zeros(net.count);
  work_ = zeros(all * ((H + panel - 1) / panel * panel + net.kernels.tile));
  panels_ = net.panels();
}

void TrainingPass::carry() {
  for (Tape& tape : tapes_) {
    std::copy_n(tape.h.get() + steps * rows * net_.H, rows * net_.H, tape.h.get());
    std::copy_n(tape.c.get() + steps * rows * net_.H, rows * net_.H, tape.c.get());
  }
}

void TrainingPass::run(const Packing& from, int known) {
  known_ = known, width_ = ByteLstm::width(known);
  forward(from);
  backward(from);
}

void TrainingPass::forward(const Packing& from) {
  const ptrdiff_t H = net_.H, G = net_.G, N = rows;
  for (ptrdiff_t t = 0; t < steps; ++t)
    for (int l = 0; l < net_.shape.layers; ++l) {
      Tape& tape = tapes_[l];
      float* const z = tape.gates.get() + t * N * G;
      for (ptrdiff_t n = 0; n < N; ++n)
        std::copy_n(from.weights.tables.get() + (l * kSymbols + inputs[t * N + n]) * G, G, z + n * G);
      const float* below = l ? tapes_[l - 1].h.get() + (t + 1) * N * H : nullptr;
      net_.gates(from.weights, l, below, tape.h.get() + t * N * H, N, z, panels_);
      net_.learning.cell(z, tape.c.get() + t * N * H, tape.c.get() + (t + 1) * N * H, tape.squashed.get() + t * N * H,
                    tape.h.get() + (t + 1) * N * H, N, H);
    }
  for (int l = 0; l < net_.shape.layers; ++l)
    net_.output(from.weights, l, tapes_[l].h.get() + N * H, steps * N, width_, outputs_.get(), panels_);
  net_.learning.softmax(outputs_.get(), steps * N, width_);
}

void TrainingPass::outer(const float* deltas, ptrdiff_t width, const float* sources, size_t matrix) {
  const ptrdiff_t H = net_.H, tile = net_.kernels.tile;
  const Sources<float> block{sources, H, rows * steps};
  float* const to = gradient_.get() + net_.matrices[matrix].at;
  const ptrdiff_t tiles = (width + tile - 1) / tile;
  net_.kernels.outer({&block, &deltas, &to, 1, 1, width, H, width, H, 0, tiles, false, false}, work_.get());
}

void TrainingPass::backward(const Packing& from) {
  const ptrdiff_t H = net_.H, G = net_.G, N = rows, all = rows * steps;
  for (ptrdiff_t r = 0; r < all; ++r) outputs_.get()[r * width_ + targets[r]] -= 1;
  for (int l = 0; l < net_.shape.layers; ++l) std::fill_n(gradient_.get() + l * kSymbols * G, known_ * G, 0.0f);
  std::fill_n(gradient_.get() + net_.bias_at, kSymbols, 0.0f);
  net_.kernels.sum_rows(outputs_.get(), width_, all, width_, gradient_.get() + net_.bias_at);
  for (int l = 0; l < net_.shape.layers; ++l) {
    outer(outputs_.get(), width_, tapes_[l].h.get() + N * H, net_.readout(l));
    net_.back(from, net_.readout(l), outputs_.get(), width_, all, false, tapes_[l].h_slopes.get(), panels_);
  }
  for (int l = net_.shape.layers - 1; l >= 0; --l) {
    Tape& tape = tapes_[l];
    std::fill_n(tape.c_slope.get(), N * H, 0.0f);
    for (ptrdiff_t t = steps - 1; t >= 0; --t) {
      float* const slopes = tape.slopes.get() + t * N * G;
      float* const dh = tape.h_slopes.get() + t * N * H;
      if (t < steps - 1) net_.back(from, net_.recurrent(l), slopes + N * G, G, N, true, dh, panels_);
      net_.learning.cell_slope(tape.gates.get() + t * N * G, tape.c.get() + t * N * H, tape.squashed.get() + t * N * H,
                               dh, tape.c_slope.get(), slopes, N, H);
    }
    outer(tape.slopes.get(), G, tape.h.get(), net_.recurrent(l));
    if (l) {
      outer(tape.slopes.get(), G, tapes_[l - 1].h.get() + N * H, net_.below(l));
      net_.back(from, net_.below(l), tape.slopes.get(), G, all, true, tapes_[l - 1].h_slopes.get(), panels_);
    }
    for (ptrdiff_t r = 0; r < all; ++r)
      net_.learning.add_to(gradient_.get() + (l * kSymbols + inputs[r]) * G, tape.slopes.get() + r * G, G);
  }
}

}  // namespace keepgate
