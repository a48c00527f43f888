// A cell over time, forward and backward, on plain buffers.
//
// T steps, B rows, I inputs, W units of a state. Every buffer belongs to the caller, is dense in the stated shape, and
// must live until the call returns; nothing is kept after it. Rows are in the order of falling lengths where there are
// lengths. Results and gradients are overwritten; only `d_initial`, `d_restart`, `d_biases` and `d_vectors` are added
// to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "keepgate/plan.h"

namespace keepgate {

class Pool;

// The weights in the order in which the products of the passes read them; owns its memory. `weights[i]` is [block_rows,
// block_columns], `biases[i]` [rows with a bias] or null.
template <class T> class Packed {
 public:
  Packed(const Plan&, const Kernels<T>&, const T* const* weights, const T* const* biases, bool forward,
         bool backward, Pool&, int threads, Storage = Storage::full);
  ~Packed();
  struct Matrices;
  std::unique_ptr<Matrices> matrices;
};

template <class T> struct Call {
  ptrdiff_t steps, rows;
  ptrdiff_t first_step = 0;          // number of the first of them, for lengths and random bits
  ptrdiff_t segment = 0;             // steps between checkpoints; 0: none, all states are there
  bool reverse;                      // walk from the last step to the first
  const T* x;                        // [T, B, I]
  std::vector<T*> states;            // per state [T + 1, B, W]: the initial state first (reverse: last), see `begin`
  std::vector<bool> rings;           // per state: [2, B, W] instead, step i in place i mod 2; not with a tape
  std::vector<T*> initial;           // per state [B, W]: what rows restart from
  std::vector<T*> checkpoints;       // with `segment`, per state [segments + 1, B, W]: in the order of the walk
  const int32_t* lengths;            // [B], falling, or null; from step 0 on
  const uint8_t* reset;              // [T, B], 1 = start this step from the initial state, or null
  const int32_t* row_numbers;        // [B]: number of each row in the caller's order, for random bits
  std::vector<const T*> step_inputs; // [T, B, W]
  std::vector<const T*> vectors;     // [W]
  bool training;                     // draw random bits; else use their probabilities
  std::vector<uint32_t> keys;        // one per stream of random bits
  std::vector<T*> tape;              // per kept value [T, B, W]; empty: no backward pass will follow

  // Backward only.
  std::vector<const T*> d_states;    // per state [T, B, W]: cotangent of each step's result, or null
  std::vector<const T*> d_final;     // per state [B, W]: cotangent of the final state, or null
  T* dx;                             // [T, B, I], or null
  std::vector<T*> d_initial;         // per state [B, W]: of the states before the first step of the walk
  std::vector<T*> d_restart;         // per state [B, W]: of the initial states of rows that restart
  std::vector<T*> d_step_inputs;     // [T, B, W]
  std::vector<T*> d_weights;         // per block, as the weight
  std::vector<T*> d_biases;          // per bias, or null
  std::vector<T*> d_vectors;         // [W]
  std::vector<T*> row_sums;          // per vector [B, W]: its gradient by rows, added to instead; empty: none
  bool add_weights = false;          // to `d_weights`, instead of overwriting them
};

// Set the states before the first step of the walk; `from`: per state [B, W], or null to leave it.
template <class T> void begin(const Plan&, const Call<T>&, const std::vector<T*>& from);

// Write the state of each row after its last step in the walk to `to`, per state [B, W] or null; of a row without a
// step, the state before the first one.
template <class T> void final_states(const Plan&, const Call<T>&, const std::vector<T*>& to);

template <class T> void forward(const Plan&, const Kernels<T>&, const Packed<T>&, const Call<T>&, Pool&, int threads);
template <class T> void backward(const Plan&, const Kernels<T>&, const Packed<T>&, const Call<T>&, Pool&, int threads);

// With checkpoints (Chen et al. 2016, arXiv:1604.06174): forward keeps the states between segments of the walk alone,
// and what else the caller has room for; backward computes a segment's states and tape again before it walks it. The
// same bits as without.
template <class T>
void forward_in_segments(const Plan&, const Kernels<T>&, const Packed<T>&, const Call<T>&, Pool&, int threads);
template <class T>
void backward_in_segments(const Plan&, const Kernels<T>&, const Packed<T>&, const Call<T>&, Pool&, int threads);

}  // namespace keepgate
