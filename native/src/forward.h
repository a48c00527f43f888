// The forward pass of one thread: its share of a call is some of the rows, or some of the units of all rows.
#pragma once

#include "worker.h"

namespace keepgate {

template <class T> class ForwardWorker : public Worker<T> {
 public:
  // `hoisting`: whether products of x are to be made for many steps at once, where that is faster.
  ForwardWorker(const CallPlan<T>& pass, ptrdiff_t first, ptrdiff_t last, bool hoisting)
      : Worker<T>(pass, first, last) {
    this->place_leaves();
    std::vector<bool> is_local = this->find_local(plan.forward);
    std::vector<bool> placed(plan.values.size(), false);
    for (size_t s = 0; s < plan.new_values.size(); ++s) {
      const int value = plan.new_values[s];
      if (plan.values[value].kind == Kind::row && !placed[value]) {
        this->move(value, call.states[s], call.reverse ? 0 : -1, call.rings[s]);
        placed[value] = true;
      } else {
        copies.push_back((int)s);
      }
    }
    for (size_t i = 0; i < call.tape.size(); ++i) {
      this->move(plan.kept[i], call.tape[i]);
      placed[plan.kept[i]] = true;
    }
    for (size_t v = 0; v < plan.values.size(); ++v)
      if (plan.values[v].kind == Kind::row && !placed[v]) {
        if (is_local[v]) this->local(v);
        else this->scratch(v);
      }
    size_t max_panels = 0, max_terms = 0;
    for (const auto& stage : plan.forward)
      for (const Bundle& bundle : stage.bundles) {
        const ptrdiff_t padded = width_of(bundle);
        bool hoisted = false;
        for (const Term& term : bundle.terms) hoisted |= term.hoisted;
        hoisted &= hoisting && (rows < tuning::kHoistRows || pass.weight_bytes > tuning::kHoistWeights);
        hoists.push_back(hoisted ? pass.take(pass.chunk, rows, padded) : nullptr);
        max_panels = std::max(max_panels, (size_t)(padded / kernels.panel));
        max_terms = std::max(max_terms, bundle.terms.size());
      }
    panels.reserve(max_panels);  // a thread that others wait for must not fail for want of memory
    segments.reserve(max_terms);
    for (int width : plan.state_widths)
      restarted.push_back(pass.may_restart() ? pass.take(call.rows, width) : nullptr);
  }

  // Part `part` of the units of another worker, in the same memory; the parts meet at `barrier` after each stage.
  ForwardWorker(const ForwardWorker& whole, int part, int parts, Barrier& barrier) : ForwardWorker(whole) {
    this->part = part;
    this->parts = parts;
    this->barrier = &barrier;
    panels.reserve(whole.panels.capacity());
    segments.reserve(whole.segments.capacity());
    mine = views;
    std::vector<bool> used(views.size(), false);
    for (const Stage& stage : plan.forward) {
      std::vector<Instruction>& code = codes.emplace_back(stage.ops);
      for (Instruction& op : code) {
        op.width = (int32_t)(units(op.width).last - units(op.width).first);
        used[op.target] = used[op.args[0]] = used[op.args[1]] = used[op.args[2]] = true;
      }
    }
    for (size_t v = 0; v < plan.values.size(); ++v)
      if (used[v]) shifts.push_back({(int)v, units(plan.values[v].width).first});
  }

  // Take the rows from `from` to `to`; at most as many as at first.
  void take(ptrdiff_t from, ptrdiff_t to) {
    const bool moved = first != from || rows != to - from;
    first = from;
    rows = to - from;
    if (moved) this->sample_masks();
  }

  // What depends on x alone, for steps `from` to `to` of the chunk that begins at `origin`.
  void hoist(ptrdiff_t from, ptrdiff_t to, ptrdiff_t origin) {
    const bool whole = rows == call.rows && !call.lengths;
    for (ptrdiff_t t = from; t < to; t += whole ? to - from : 1) {
      const ptrdiff_t count = whole ? (to - from) * rows : active(t);
      size_t hoist = 0;
      for (size_t s = 0; s < plan.forward.size(); ++s)
        for (size_t b = 0; b < plan.forward[s].bundles.size(); ++b, ++hoist) {
          if (!hoists[hoist]) continue;
          const Bundle& bundle = plan.forward[s].bundles[b];
          const PackedBundle<T>& packed = pass.packed.forward[s][b];
          const ptrdiff_t padded = width_of(bundle);
          const Range columns = columns_of(bundle);
          segments.clear();
          panels.clear();
          for (size_t i = 0; i < bundle.terms.size(); ++i)
            if (bundle.terms[i].hoisted)
              segments.push_back({call.x + (t * call.rows + first) * plan.input_size, plan.input_size,
                                  packed_at(packed.terms[i], columns, plan.input_size), plan.input_size});
          this->panels_to(hoists[hoist] + (t - origin) * rows * padded + columns.first, padded,
                          columns.last - columns.first);
          this->multiply(segments, packed.bias.get() + columns.first, 0, count, pass.packed.storage);
        }
    }
  }

  void step(ptrdiff_t t, ptrdiff_t origin) {
    const ptrdiff_t count = active(t);
    this->set_time(t);
    if (pass.any_restart[t]) this->gather_last(t, count, restarted);
    this->sample(t, count);
    size_t hoist = 0;
    for (size_t s = 0; s < plan.forward.size(); ++s) {
      const Stage& stage = plan.forward[s];
      if (s && barrier) barrier->wait();
      for (size_t b = 0; b < stage.bundles.size(); ++b, ++hoist)
        run_bundle(stage.bundles[b], pass.packed.forward[s][b], hoists[hoist], t - origin, count);
      if (barrier) run_units(codes[s], count);
      else this->run_ops(stage, count);
    }
    finish(t, count);
    if (barrier) barrier->wait();
  }

 private:
  using Worker<T>::pass, Worker<T>::plan, Worker<T>::call, Worker<T>::kernels, Worker<T>::first, Worker<T>::rows;
  using Worker<T>::views, Worker<T>::panels, Worker<T>::segments;

  struct Range {
    ptrdiff_t first, last;
  };

  ptrdiff_t active(ptrdiff_t t) const { return std::clamp<ptrdiff_t>(pass.active(t) - first, 0, rows); }
  ptrdiff_t width_of(const Bundle& bundle) const {
    return (ptrdiff_t)panels_of(bundle.width, kernels.panel) * kernels.panel * bundle.targets.size();
  }

  // This worker's panels of a row of `width`, and its units.
  Range panels_in(ptrdiff_t width) const {
    const ptrdiff_t count = panels_of((int)width, kernels.panel);
    return {count * part / parts, count * (part + 1) / parts};
  }
  Range units(ptrdiff_t width) const {
    const Range range = panels_in(width);
    return {std::min(range.first * kernels.panel, width), std::min(range.last * kernels.panel, width)};
  }
  // Its columns of a packed bundle.
  Range columns_of(const Bundle& bundle) const {
    const Range range = panels_in(bundle.width);
    const ptrdiff_t each = bundle.targets.size() * kernels.panel;
    return {range.first * each, range.last * each};
  }

  const char* packed_at(const Buffer<char>& matrix, const Range& columns, ptrdiff_t depth) const {
    return matrix.get() + columns.first / kernels.panel * panel_bytes<T>(pass.packed.storage, depth, kernels.panel);
  }

  void run_bundle(const Bundle& bundle, const PackedBundle<T>& packed, const T* hoisted, ptrdiff_t step,
                  ptrdiff_t count) {
    const Range columns = columns_of(bundle), range = panels_in(bundle.width);
    segments.clear();
    panels.clear();
    for (const bool of_x : {true, false}) {  // x first, as where it is hoisted: the sums have one order
      if (of_x && hoisted) continue;
      for (size_t i = 0; i < bundle.terms.size(); ++i) {
        const Term& term = bundle.terms[i];
        if (term.hoisted != of_x) continue;
        const StridedView<T>& source = views[term.source];
        const ptrdiff_t depth = plan.block_columns[term.block];
        segments.push_back({source.base, source.stride, packed_at(packed.terms[i], columns, depth), depth});
      }
    }
    for (ptrdiff_t p = range.first; p < range.last; ++p)
      for (int target : bundle.targets) {
        const ptrdiff_t unit = p * kernels.panel;
        panels.push_back({views[target].base + unit, views[target].stride,
                          (int32_t)std::min<ptrdiff_t>(kernels.panel, bundle.width - unit)});
      }
    const ptrdiff_t padded = width_of(bundle);
    const T* const start = hoisted ? hoisted + step * rows * padded : packed.bias.get();
    this->multiply(segments, start + columns.first, hoisted ? padded : 0, count, pass.packed.storage);
  }

  // Ops on this worker's units alone.
  void run_units(const std::vector<Instruction>& code, ptrdiff_t count) {
    if (code.empty()) return;
    for (const auto& [value, units] : shifts) mine[value] = {views[value].base + units, views[value].stride};
    for (ptrdiff_t r = 0; r < count; ++r) kernels.elementwise(code.data(), code.size(), mine.data(), r, 1);
  }

  void finish(ptrdiff_t t, ptrdiff_t count) {
    const ptrdiff_t at = after(call.reverse, t);
    for (int s : copies) {
      const StridedView<T>& from = views[plan.new_values[s]];
      const ptrdiff_t width = plan.state_widths[s];
      const Range range = units(width);
      T* to = this->state(s, at) + first * width;
      for (ptrdiff_t r = 0; r < count; ++r)
        std::memcpy(to + r * width + range.first, from.base + r * from.stride + range.first,
                    (range.last - range.first) * sizeof(T));
    }
    if (count < rows && !call.rings[0] && part == 0) {  // the output of rows that have ended is zero
      const ptrdiff_t width = plan.state_widths[0];
      std::memset(this->state(0, at) + (first + count) * width, 0, (rows - count) * width * sizeof(T));
    }
  }

  std::vector<int> copies;
  std::vector<T*> hoists, restarted;
  int part = 0, parts = 1;
  Barrier* barrier = nullptr;
  std::vector<StridedView<T>> mine;  // as `views`, from this worker's first unit on
  std::vector<std::pair<int, ptrdiff_t>> shifts;
  std::vector<std::vector<Instruction>> codes;
};

// All workers of a call.
template <class T> class Workers {
 public:
  // Their memory is the arena's, which is the caller's and outlives them.
  Workers(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call, Arena& arena,
          int threads, bool hoisting)
      : parts(parts_of(plan, kernels, call, threads)),
        pass(plan, kernels, packed, call, arena, threads, chunk_rows(plan, threads), parts > 1),
        moving(call.lengths && parts == 1 && pass.bounds.size() > 2), barrier(parts) {
    workers.reserve(std::max<size_t>(pass.bounds.size(), parts));
    if (parts > 1) {
      const ForwardWorker<T> whole(pass, 0, call.rows, hoisting);
      for (int i = 0; i < parts; ++i) workers.emplace_back(whole, i, parts, barrier);
    } else {
      for (size_t i = 0; i + 1 < pass.bounds.size(); ++i)
        workers.emplace_back(pass, moving ? 0 : pass.bounds[i], moving ? call.rows : pass.bounds[i + 1], hoisting);
    }
  }
  Workers(const Workers&) = delete;

  const int parts;  // into which the units are cut; if more than 1, each worker has all rows
  const CallPlan<T> pass;
  const bool moving;  // rows end one after the other: they are cut anew for each chunk, so that no worker idles
  std::vector<ForwardWorker<T>> workers;

 private:
  static ptrdiff_t chunk_rows(const Plan& plan, int threads) {
    ptrdiff_t hoisted = 1;
    for (const Stage& stage : plan.forward)
      for (const Bundle& bundle : stage.bundles) hoisted += bundle.width * bundle.targets.size();
    return std::min(tuning::kChunkRows, threads * tuning::kHoistBytes / (hoisted * (ptrdiff_t)sizeof(T)));
  }

  static int parts_of(const Plan& plan, const Kernels<T>& kernels, const Call<T>& call, int threads) {
    double weights = 0;
    for (size_t i = 0; i < plan.block_rows.size(); ++i) weights += (double)plan.block_rows[i] * plan.block_columns[i];
    const bool few = call.rows < tuning::kRowsPerThread * threads, large = weights * sizeof(T) > tuning::kSharedWeights;
    const bool restarts = call.reset || (call.reverse && call.lengths);
    if (threads == 1 || 2 * weights * call.rows < tuning::kMeetingOperations || !(few || large) || restarts) return 1;
    int parts = threads;
    for (const Value& value : plan.values)
      if (value.kind == Kind::bernoulli && call.training) return 1;
    for (const Stage& stage : plan.forward) {
      for (const Instruction& op : stage.ops)
        if (op.op == Op::mean || op.op == Op::deviation || op.op == Op::normalise || op.op == Op::broadcast) return 1;
      for (const Bundle& bundle : stage.bundles) parts = std::min(parts, panels_of(bundle.width, kernels.panel));
    }
    return parts;
  }

  Barrier barrier;
};

}  // namespace keepgate
