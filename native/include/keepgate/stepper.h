// A cell one step at a time: for streams, controllers, and whatever else must answer before it sees the next input.
//
// B rows, I inputs, W units of a state. A stepper owns its packed weights and its states; every other buffer belongs to
// the caller, is dense in the stated shape, and must live until the call returns. A step has the bits that the same
// step of `forward` has. One thread at a time.
#pragma once

#include <memory>

#include "keepgate/scan.h"

namespace keepgate {

template <class T> class Stepper {
 public:
  // The plan must outlive the stepper; weights and biases as in `Packed`, vectors [W], are read here and not kept. The
  // states begin as zeros.
  Stepper(const Plan&, const Kernels<T>&, const T* const* weights, const T* const* biases, const T* const* vectors,
          ptrdiff_t rows, Pool&, int threads, Storage = Storage::full);
  // As well, of weights that are packed for these kernels and shared.
  Stepper(const Plan&, const Kernels<T>&, std::shared_ptr<const Packed<T>>, const T* const* vectors, ptrdiff_t rows,
          Pool&, int threads);
  ~Stepper();

  // x [B, I] and each of step_inputs [B, W] are read; output [B, W], the new first state, is written.
  void step(const T* x, const T* const* step_inputs, T* output);

  // State s, [2, B, W], owned by the stepper: its present value is place `place()`, and may be overwritten.
  T* state(int s);
  int place() const;

  const Plan& plan;
  const ptrdiff_t rows;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keepgate
