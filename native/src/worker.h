// The rows of one thread: where every value lies, and what both passes do at a step.
#pragma once

#include "call_plan.h"
#include "step_product.h"

namespace keepgate {

template <class T> class Worker {
 public:
  // Takes its memory from the arena of `pass`, which outlives it.
  Worker(const CallPlan<T>& pass, RowShare share)
      : pass(pass), plan(pass.plan), call(pass.call), kernels(pass.kernels), first(share.first), apart(share.apart),
        rows(share.count), views(plan.values.size() + 1, StridedView<T>{nullptr, 0, 0}), moving(views.size(), false) {
    for (ptrdiff_t r = 0; call.row_numbers && r < rows; ++r) row_numbers.push_back(call.row_numbers[first + r * apart]);
    for (size_t v = 0; v < plan.values.size(); ++v)
      if (plan.values[v].kind == Kind::bernoulli) random.push_back((int)v);
  }

 protected:
  ptrdiff_t active(ptrdiff_t t) const { return pass.active(t, {first, apart, rows}); }

  // The first of its rows of a buffer [B, width], and how far apart they are.
  T* mine(T* base, ptrdiff_t width) const { return base ? base + first * width : nullptr; }
  const T* mine(const T* base, ptrdiff_t width) const { return base ? base + first * width : nullptr; }
  ptrdiff_t stride(ptrdiff_t width) const { return apart * width; }

  // A state, number `index` of the T + 1 that it takes on.
  T* state(int s, ptrdiff_t index) const {
    const ptrdiff_t width = plan.state_widths[s];
    return mine(call.states[s] + (call.rings[s] ? index & 1 : index) * call.rows * width, width);
  }

  // Where values lie, in the terms of call_plan.h.
  void move(int value, T* base, ptrdiff_t origin = 0, bool ring = false) {
    const ptrdiff_t width = plan.values[value].width;
    movers.push_back({value, mine(base, width), call.rows * width, origin, ring});
    views[value].stride = views[value].block_stride = stride(width);
    moving[value] = true;
  }
  void share(int value, T* base) {
    const ptrdiff_t width = plan.values[value].width;
    views[value] = {mine(base, width), stride(width), stride(width)};
  }
  void scratch(int value) {
    const ptrdiff_t width = plan.values[value].width;
    views[value] = {pass.take(rows, width), width, width};
  }
  void local(int value) {
    const ptrdiff_t width = plan.values[value].width;
    views[value] = {pass.take(pass.block, width), width, 0};
  }
  void repeat(int value, const T* from) {  // one row for all
    const ptrdiff_t width = plan.values[value].width;
    T* base = pass.take(pass.block, width);
    for (ptrdiff_t r = 0; r < pass.block; ++r) std::memcpy(base + r * width, from, width * sizeof(T));
    views[value] = {base, 0, 0};
  }
  void fill(int value, T number) {  // one number for all
    T* base = pass.take(pass.block, pass.widest);
    std::fill(base, base + pass.block * pass.widest, number);
    views[value] = {base, 0, 0};
  }

  // Say where everything lies but what ops and products make.
  void place_leaves() {
    for (size_t v = 0; v < plan.values.size(); ++v) {
      const Value& value = plan.values[v];
      const int slot = value.slot;
      switch (value.kind) {
        case Kind::input: move(v, const_cast<T*>(call.x)); break;
        case Kind::last: move(v, call.states[slot], call.reverse ? -1 : 0, call.rings[slot]); break;
        case Kind::step_input: move(v, const_cast<T*>(call.step_inputs[slot])); break;
        case Kind::vector: repeat(v, call.vectors[slot]); break;
        case Kind::constant: fill(v, T(value.number)); break;
        case Kind::bernoulli:
        case Kind::mask:
          if (!call.training) fill(v, T(value.number));
          else scratch(v);
          break;
        default: break;
      }
    }
    for (size_t v = 0; v < plan.values.size(); ++v)
      if (plan.values[v].kind == Kind::mask) sample(v, 0, rows);
    views.back() = {pass.take(pass.block, pass.widest), 0, 0};  // what nobody reads
  }

  // Values that are made and used by the ops of one stage alone: one block of rows is enough for them.
  std::vector<bool> find_local(const std::vector<Stage>& stages) const {
    std::vector<int> stage_of(plan.values.size(), -1);
    std::vector<bool> is_local(plan.values.size(), false);
    for (size_t s = 0; s < stages.size(); ++s)
      for (const Instruction& op : stages[s].ops) {
        stage_of[op.target] = (int)s;
        is_local[op.target] = true;
      }
    for (size_t s = 0; s < stages.size(); ++s) {
      for (const Instruction& op : stages[s].ops)
        for (int arg : op.args)
          if (arg < (int)stage_of.size() && stage_of[arg] != (int)s) is_local[arg] = false;
      for (const Bundle& bundle : stages[s].bundles)
        for (const Term& term : bundle.terms) is_local[term.source] = false;
      for (const Transposed& product : stages[s].transposed)
        for (int delta : product.deltas) is_local[delta] = false;
    }
    return is_local;
  }

  void set_time(ptrdiff_t t) {
    for (const Mover<T>& mover : movers) views[mover.value].base = mover.at(t);
  }

  // The states before step t, with the initial one in rows that restart, written to `to` [B, W] of each state.
  void gather_last(ptrdiff_t t, ptrdiff_t count, const std::vector<T*>& to) {
    for (size_t v = 0; v < plan.values.size(); ++v) {
      if (plan.values[v].kind != Kind::last) continue;
      const int slot = plan.values[v].slot;
      const ptrdiff_t width = plan.values[v].width;
      const T *const last = state(slot, before(call.reverse, t)), *const initial = mine(call.initial[slot], width);
      views[v].base = mine(to[slot], width);
      for (ptrdiff_t r = 0; r < count; ++r) {
        const ptrdiff_t at = r * stride(width);
        const bool restarts = pass.restarts(t, first + r * apart);
        std::memcpy(views[v].base + at, (restarts ? initial : last) + at, width * sizeof(T));
      }
    }
  }

  // The random bits of a step.
  void sample(ptrdiff_t t, ptrdiff_t count) {
    for (int v : random) sample(v, call.first_step + t, count);
  }
  void sample(int v, ptrdiff_t t, ptrdiff_t count) {
    const Value& value = plan.values[v];
    if (call.training)
      kernels.bernoulli(call.keys[value.slot], (uint32_t)t, row_numbers.data(), count, value.width,
                        (uint64_t)(value.number * 4294967296.0), views[v].base);
  }

  void run_ops(const std::vector<Instruction>& code, const std::vector<StridedView<T>>& on, ptrdiff_t count,
               bool dense) {
    if (code.empty()) return;
    for (ptrdiff_t r = 0; r < count; r += pass.block)
      kernels.elementwise(code.data(), code.size(), on.data(), r, std::min(pass.block, count - r), dense);
  }

  static void copy(T* to, ptrdiff_t to_stride, const T* from, ptrdiff_t stride, ptrdiff_t count, ptrdiff_t width) {
    for (ptrdiff_t r = 0; r < count; ++r) std::memcpy(to + r * to_stride, from + r * stride, width * sizeof(T));
  }
  // Zeros for the rows from `count` on of a buffer [B, width].
  void clear_ended(T* base, ptrdiff_t count, ptrdiff_t width) const {
    for (ptrdiff_t r = count; r < rows; ++r) std::memset(mine(base, width) + r * stride(width), 0, width * sizeof(T));
  }

  const CallPlan<T>& pass;
  const Plan& plan;
  const Call<T>& call;
  const Kernels<T>& kernels;
  const ptrdiff_t first, apart, rows;  // its rows: `first`, `first + apart`, ...; their number

  std::vector<StridedView<T>> views;  // of values at the present step; last: what nobody reads
  std::vector<bool> moving;           // per value
  std::vector<Mover<T>> movers;
  std::vector<int32_t> row_numbers;
  std::vector<int> random;            // values of random bits, new at every step
};

}  // namespace keepgate
