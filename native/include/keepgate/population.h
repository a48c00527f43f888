// Networks of one cell that step together, each with weights and rows of its own: for policies that are tried by
// thousands.
//
// P networks, K rows of each, I inputs, W units of a state. A population owns its packed weights and its states; every
// other buffer belongs to the caller, is dense in the stated shape, and must live until the call returns. It computes
// as in evaluation, for cells without step inputs. A step has the bits that `Stepper` has for each network. One thread
// at a time.
#pragma once

#include <memory>

#include "keepgate/plan.h"

namespace keepgate {

class Pool;

template <class T> class Population {
 public:
  // The plan must outlive the population; `output`: the value of it that a step gives. Weights and states begin as
  // zeros.
  Population(const Plan&, const Kernels<T>&, ptrdiff_t networks, ptrdiff_t rows, int output, Pool&, int threads);
  ~Population();

  // Take the weights of all networks: those of network p are `p * apart` numbers behind those of the first. weights[i]
  // is [block_rows, block_columns], biases[i] the rows with a bias or null, vectors[i] [W].
  void load(const T* const* weights, const T* const* biases, const T* const* vectors, ptrdiff_t apart);

  // x [P, K, I] is read; output [P, K, width of the output], is written.
  void step(const T* x, T* output);

  // Return to states of zeros: all rows, or those where mask [P, K] is not 0.
  void reset(const uint8_t* mask);

  // State s, [2, P, K, W], owned by the population: its present value is place `place()`, and may be overwritten.
  T* state(int s);
  int place() const;

  const Plan& plan;
  const ptrdiff_t networks, rows;
  const int output;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace keepgate
