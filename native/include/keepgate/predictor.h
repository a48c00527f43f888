// The bits of a stream of bytes, highest first, predicted by a learner, and by counting contexts if wanted.
//
// Probabilities are whole numbers of 1 / 65536, from 1 to 65535, so that coder and decoder agree on them to the bit.
#pragma once

#include <memory>

#include "keepgate/contexts.h"
#include "keepgate/learner.h"

namespace keepgate {

class Predictor {
 public:
  // `weights` as in `Learner`. Without `contexts` the learner predicts alone. `size`: bytes to come, as far as known;
  // `help`: a second thread may be used, which changes no bit of any prediction.
  Predictor(const LearnerShape&, const Kernels<float>&, const LearnerKernels&, const MixerKernels&,
            const float* weights, bool contexts, int64_t size, bool help);

  // Of the next bit being 1, in 65536ths.
  int32_t probability() const { return probability_; }

  // The next bit is this one.
  void see(int bit);

  // The byte that was completed last.
  uint8_t byte() const { return byte_; }

  const Learner& learner() const { return learner_; }

 private:
  void begin_byte();
  void predict();

  Learner learner_;
  std::unique_ptr<Contexts> contexts_;
  float sums_[512];  // of the bytes whose first bits are those of the index behind its leading 1
  uint32_t partial_ = 1;
  uint8_t byte_ = 0;
  int32_t probability_ = 0;
};

}  // namespace keepgate
