// The rows of one thread: where every value lies, and what both passes do at a step.
#pragma once

#include "call_plan.h"

namespace keepgate {

template <class T> class Worker {
 public:
  // Takes its memory from the arena of `pass`, which outlives it.
  Worker(const CallPlan<T>& pass, ptrdiff_t first, ptrdiff_t last)
      : pass(pass), plan(pass.plan), call(pass.call), kernels(pass.kernels), first(first), rows(last - first),
        views(plan.values.size() + 1, StridedView<T>{nullptr, 0}) {}

 protected:
  void move(int value, T* base, ptrdiff_t origin = 0, bool ring = false) {
    const ptrdiff_t width = plan.values[value].width;
    movers.push_back({value, base, call.rows * width, origin, ring});
    views[value].stride = width;
  }
  // A value [B, W] that all threads have in common, each its rows.
  void share(int value, T* base) {
    movers.push_back({value, base, 0, 0, false});
    views[value].stride = plan.values[value].width;
  }
  // A state, number `index` of the T + 1 that it takes on.
  T* state(int s, ptrdiff_t index) const {
    return call.states[s] + (call.rings[s] ? index & 1 : index) * call.rows * plan.state_widths[s];
  }
  void scratch(int value) {
    const ptrdiff_t width = plan.values[value].width;
    views[value] = {pass.take(rows, width), width};
  }
  void repeat(int value, const T* from) {  // the same row for all
    const ptrdiff_t width = plan.values[value].width;
    T* base = pass.take(pass.block, width);
    for (ptrdiff_t r = 0; r < pass.block; ++r) std::memcpy(base + r * width, from, width * sizeof(T));
    views[value] = {base, 0};
  }
  void fill(int value, T number) {
    T* base = pass.take(pass.block, pass.widest);
    std::fill(base, base + pass.block * pass.widest, number);
    views[value] = {base, 0};
  }
  void local(int value) { views[value] = {pass.take(pass.block, plan.values[value].width), 0}; }

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
    sample_masks();
    unused = (int)plan.values.size();
    views[unused] = {pass.take(pass.block, pass.widest), 0};
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
    for (const Mover<T>& mover : movers) {
      StridedView<T>& view = views[mover.value];
      view.base = mover.at(t) + first * view.stride;
    }
  }

  // The states before step t, with the initial one in rows that restart, written to `to` [B, W] of each state.
  void gather_last(ptrdiff_t t, ptrdiff_t count, const std::vector<T*>& to) {
    for (size_t v = 0; v < plan.values.size(); ++v) {
      if (plan.values[v].kind != Kind::last) continue;
      const int slot = plan.values[v].slot;
      const ptrdiff_t width = plan.values[v].width;
      T* row = to[slot] + first * width;
      for (ptrdiff_t b = first; b < first + count; ++b, row += width) {
        const T* from = pass.restarts(t, b) ? call.initial[slot] : state(slot, before(call.reverse, t));
        std::memcpy(row, from + b * width, width * sizeof(T));
      }
      views[v].base = to[slot] + first * width;
    }
  }

  void sample(ptrdiff_t t, ptrdiff_t count) { sample_bits(Kind::bernoulli, call.first_step + t, count); }
  void sample_masks() { sample_bits(Kind::mask, 0, rows); }
  void sample_bits(Kind kind, ptrdiff_t t, ptrdiff_t count) {
    if (!call.training) return;
    for (size_t v = 0; v < plan.values.size(); ++v) {
      const Value& value = plan.values[v];
      if (value.kind == kind)
        kernels.bernoulli(call.keys[value.slot], (uint32_t)t, call.row_numbers + first, count, value.width,
                          (uint64_t)(value.number * 4294967296.0), views[v].base);
    }
  }

  void run_ops(const Stage& stage, ptrdiff_t count) {
    if (stage.ops.empty()) return;
    for (ptrdiff_t r = 0; r < count; r += pass.block)
      kernels.elementwise(stage.ops.data(), stage.ops.size(), views.data(), r, std::min(pass.block, count - r));
  }

  void multiply(const std::vector<Segment<T>>& segments, const T* start, ptrdiff_t start_stride, ptrdiff_t count,
                Storage storage = Storage::full) {
    if (count)
      kernels.product({segments.data(), (int32_t)segments.size(), (int32_t)panels.size(), panels.data(), start,
                       start_stride, count, storage});
  }

  void panels_to(T* to, ptrdiff_t stride, ptrdiff_t width) {
    for (ptrdiff_t column = 0; column < width; column += kernels.panel)
      panels.push_back({to + column, stride, (int32_t)std::min<ptrdiff_t>(kernels.panel, width - column)});
  }

  const CallPlan<T>& pass;
  const Plan& plan;
  const Call<T>& call;
  const Kernels<T>& kernels;

 public:
  ptrdiff_t first, rows;

 protected:
  std::vector<StridedView<T>> views;  // of values at the present step; last: what nobody reads
  std::vector<Mover<T>> movers;
  std::vector<Panel<T>> panels;
  std::vector<Segment<T>> segments;
  int unused = 0;
};

}  // namespace keepgate
