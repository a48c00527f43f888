// Single small steps of a layer, without lengths, resets, step inputs and gradients: a stepper that stays ready from
// call to call, for to set up a call takes longer than such a step.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

#include "keepgate/stepper.h"
#include "pool.h"
#include "tuning.h"

namespace keepgate {

template <class T> class SingleStep {
 public:
  // Whether a step of so many rows is one that gains by it.
  static bool suits(const Plan& plan, ptrdiff_t rows) {
    double operations = 0;
    for (size_t i = 0; i < plan.block_rows.size(); ++i)
      operations += 2.0 * plan.block_rows[i] * plan.block_columns[i] * rows;
    return rows && operations < tuning::kThreadsOperations && plan.vector_widths.empty() &&
           plan.step_input_widths.empty();
  }

  // x [B, I]; initial(s) and final(s): of state s [B, W], the first null for zeros; output [B, W]. Return whether it
  // was done: not while another thread takes a step.
  template <class Initial, class Final>
  bool run(const Plan& plan, const Kernels<T>& kernels, std::shared_ptr<const Packed<T>> packed, ptrdiff_t rows,
           const T* x, const Initial& initial, T* output, const Final& final) {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock()) return false;
    if (!stepper_ || packed != packed_ || stepper_->rows != rows) {
      stepper_.reset();
      packed_ = std::move(packed);
      stepper_ = std::make_unique<Stepper<T>>(plan, kernels, packed_, nullptr, rows, Pool::shared(), 1);
    }
    for (size_t s = 0; s < plan.state_widths.size(); ++s) {
      const T* const from = initial(s);
      if (from) std::copy_n(from, size(s), state(s));
      else std::fill_n(state(s), size(s), T(0));
    }
    stepper_->step(x, nullptr, output);
    for (size_t s = 0; s < plan.state_widths.size(); ++s) std::copy_n(state(s), size(s), final(s));
    return true;
  }

 private:
  ptrdiff_t size(size_t s) const { return stepper_->rows * stepper_->plan.state_widths[s]; }
  T* state(size_t s) const { return stepper_->state((int)s) + stepper_->place() * size(s); }

  std::mutex mutex_;
  std::shared_ptr<const Packed<T>> packed_;  // of the stepper
  std::unique_ptr<Stepper<T>> stepper_;
};

}  // namespace keepgate
