// Counting contexts for the bits of bytes, mixed with another prediction; after Mahoney 2005, "Adaptive weighing of
// context models for lossless data compression".
//
// A *context* is what has been read: the last one to six bytes, the word so far. Bits that followed it are counted in
// hashed slots. What the slots say, what followed the longest repeat (the *match*), and the other prediction are mixed
// in the logistic domain by weights that learn, several sets chosen by what was read; a second mixer joins the sets,
// and a last table (*refinement*) corrects what it has been wrong by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace keepgate {

constexpr int kInputs = 16, kSets = 3;  // what is mixed; sets of weights at a time

// What of the mixer is compiled once per instruction set.
struct MixerKernels {
  // x = log(p / (1 - p)) of `count` probabilities.
  void (*stretch)(const float* p, float* x, ptrdiff_t count);

  // 1 / (1 + e^-x).
  void (*squash)(const float* x, float* p, ptrdiff_t count);

  // Sum of w x over kInputs.
  float (*dot)(const float* w, const float* x);

  // w += step x over kInputs.
  void (*learn)(float* w, const float* x, float step);
};

class Contexts {
 public:
  // `size`: bytes that are to come, as far as known; it sets how much memory is taken.
  Contexts(const MixerKernels&, int64_t size);
  ~Contexts();

  // Probability that the next bit is 1, where the other prediction is `given`.
  float predict(float given);

  // The next bit is this one.
  void see(int bit);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keepgate
