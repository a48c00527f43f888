#include "keepgate/predictor.h"

#include <algorithm>

namespace keepgate {
namespace {

constexpr float kFloor = 0x1p-20f;  // no byte is thought less likely than this

}  // namespace

Predictor::Predictor(const LearnerShape& shape, const Kernels<float>& kernels, const LearnerKernels& learning,
                     const MixerKernels& mixing, const float* weights, bool contexts,
                     int64_t size, bool help)
    : learner_(shape, kernels, learning, weights, help),
      contexts_(contexts ? std::make_unique<Contexts>(mixing, size) : nullptr) {
  begin_byte();
}

void Predictor::begin_byte() {
  learner_.predict(sums_ + 256);
  for (int i = 256; i < 512; ++i) sums_[i] += kFloor;
  for (int i = 255; i > 0; --i) sums_[i] = sums_[2 * i] + sums_[2 * i + 1];
  partial_ = 1;
  predict();
}

void Predictor::predict() {
  const float said = sums_[2 * partial_ + 1] / sums_[partial_];
  const float alone = said > kFloor && said < 1 - kFloor ? said : said >= 0.5f ? 1 - kFloor : kFloor;  // of NaN too
  const float p = contexts_ ? contexts_->predict(alone) : alone;
  probability_ = std::clamp((int32_t)(p * 65536), 1, 65535);
}

void Predictor::see(int bit) {
  if (contexts_) contexts_->see(bit);
  partial_ = partial_ << 1 | (uint32_t)bit;
  if (partial_ < 256) return predict();
  byte_ = (uint8_t)partial_;
  learner_.see(byte_);
  begin_byte();
}

}  // namespace keepgate
