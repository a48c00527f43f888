#include <algorithm>
#include <cstring>

#include "buffer.h"
#include "keepgate/scan.h"

namespace keepgate {
namespace {

// Part `number` of a walk, in its order, as a call of its own.
template <class T> Call<T> segment_of(const Plan& plan, const Call<T>& whole, ptrdiff_t number) {
  Call<T> call = whole;
  const ptrdiff_t from = number * whole.segment;
  call.steps = std::min(whole.segment, whole.steps - from);
  const ptrdiff_t first = whole.reverse ? whole.steps - from - call.steps : from, row = first * call.rows;
  auto skip = [row](auto& buffer, ptrdiff_t width) {
    if (buffer) buffer += row * width;
  };
  call.first_step += first;
  skip(call.x, plan.input_size);
  skip(call.dx, plan.input_size);
  skip(call.reset, 1);
  for (size_t s = 0; s < call.states.size(); ++s)
    if (!call.rings[s]) skip(call.states[s], plan.state_widths[s]);
  for (size_t s = 0; s < call.d_states.size(); ++s) skip(call.d_states[s], plan.state_widths[s]);
  for (size_t i = 0; i < call.step_inputs.size(); ++i) skip(call.step_inputs[i], plan.step_input_widths[i]);
  for (size_t i = 0; i < call.d_step_inputs.size(); ++i) skip(call.d_step_inputs[i], plan.step_input_widths[i]);
  return call;
}

template <class T> ptrdiff_t segments_of(const Call<T>& call) { return (call.steps + call.segment - 1) / call.segment; }

// Checkpoint `number` of each state.
template <class T> std::vector<T*> checkpoint(const Plan& plan, const Call<T>& call, ptrdiff_t number) {
  std::vector<T*> places = call.checkpoints;
  for (size_t s = 0; s < places.size(); ++s) places[s] += number * call.rows * plan.state_widths[s];
  return places;
}

}  // namespace

template <class T> void final_states(const Plan& plan, const Call<T>& call, const std::vector<T*>& to) {
  for (size_t s = 0; s < to.size(); ++s) {
    if (!to[s]) continue;
    const ptrdiff_t width = plan.state_widths[s];
    for (ptrdiff_t b = 0; b < call.rows; ++b) {
      ptrdiff_t done = call.steps;
      if (call.lengths) done = std::clamp<ptrdiff_t>(call.lengths[b] - call.first_step, 0, call.steps);
      const ptrdiff_t at = !call.reverse ? done : done ? 0 : call.steps;
      const T* from = call.states[s] + (call.rings[s] ? at & 1 : at) * call.rows * width;
      std::memcpy(to[s] + b * width, from + b * width, width * sizeof(T));
    }
  }
}

template <class T> void begin(const Plan& plan, const Call<T>& call, const std::vector<T*>& from) {
  const ptrdiff_t first = call.reverse ? call.steps : 0;
  for (size_t s = 0; s < call.states.size(); ++s) {
    const ptrdiff_t size = call.rows * plan.state_widths[s];
    if (from[s]) std::copy_n(from[s], size, call.states[s] + (call.rings[s] ? first & 1 : first) * size);
  }
}

template <class T>
void forward_in_segments(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call,
                         Pool& pool, int threads) {
  for (size_t s = 0; s < call.initial.size(); ++s)
    std::copy_n(call.initial[s], call.rows * plan.state_widths[s], call.checkpoints[s]);
  for (ptrdiff_t number = 0; number < segments_of(call); ++number) {
    const Call<T> segment = segment_of(plan, call, number);
    std::vector<T*> from = checkpoint(plan, call, number);
    for (size_t s = 0; number && s < from.size(); ++s)
      if (!call.rings[s]) from[s] = nullptr;  // it is there
    begin(plan, segment, from);
    forward(plan, kernels, packed, segment, pool, threads);
    final_states(plan, segment, checkpoint(plan, call, number + 1));
  }
}

template <class T>
void backward_in_segments(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call,
                          Pool& pool, int threads) {
  std::vector<Buffer<T>> buffers;
  const auto take = [&](ptrdiff_t steps, ptrdiff_t width) {
    return buffers.emplace_back(product_of(steps, call.rows, width)).get();
  };
  std::vector<T*> states, tape, carried, next, row_sums;
  for (int value : plan.kept) tape.push_back(take(call.segment, plan.values[value].width));
  for (size_t s = 0; s < plan.state_widths.size(); ++s) {
    const ptrdiff_t width = plan.state_widths[s];
    states.push_back(take(call.segment + 1, width));
    carried.push_back(take(1, width));
    next.push_back(take(1, width));
    if (call.d_final[s]) std::copy_n(call.d_final[s], call.rows * width, carried[s]);
    else std::fill_n(carried[s], call.rows * width, T(0));
  }
  for (size_t i = 0; i < plan.vector_values.size(); ++i) {
    const ptrdiff_t width = plan.vector_widths[i];
    row_sums.push_back(plan.vector_values[i] < 0 ? nullptr : take(1, width));
    if (row_sums[i]) std::fill_n(row_sums[i], call.rows * width, T(0));
  }
  const ptrdiff_t count = segments_of(call);
  for (ptrdiff_t number = count - 1; number >= 0; --number) {
    Call<T> segment = segment_of(plan, call, number);
    segment.states = states;
    segment.rings.assign(states.size(), false);
    segment.tape = tape;
    segment.row_sums = row_sums;
    begin(plan, segment, checkpoint(plan, call, number));
    forward(plan, kernels, packed, segment, pool, threads);
    segment.add_weights = number < count - 1;
    segment.d_final.assign(carried.begin(), carried.end());
    if (number) segment.d_initial = next;
    for (size_t s = 0; number && s < next.size(); ++s)  // what is added to -0 stays as it is, the sign of 0 too
      std::fill_n(next[s], call.rows * plan.state_widths[s], T(-0.0));
    backward(plan, kernels, packed, segment, pool, threads);
    std::swap(carried, next);
  }
  for (size_t i = 0; i < row_sums.size(); ++i)
    if (const ptrdiff_t width = plan.vector_widths[i]; row_sums[i])
      kernels.sum_rows(row_sums[i], width, call.rows, width, call.d_vectors[i]);
}

#define KEEPGATE_OF(T)                                                                                                \
  template void final_states<T>(const Plan&, const Call<T>&, const std::vector<T*>&);                                 \
  template void begin<T>(const Plan&, const Call<T>&, const std::vector<T*>&);                                        \
  template void forward_in_segments<T>(const Plan&, const Kernels<T>&, const Packed<T>&, const Call<T>&, Pool&, int); \
  template void backward_in_segments<T>(const Plan&, const Kernels<T>&, const Packed<T>&, const Call<T>&, Pool&, int);
KEEPGATE_OF(float)
KEEPGATE_OF(double)

}  // namespace keepgate
