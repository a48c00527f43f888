// The forward pass of one thread: its share of a call is some of the rows, or some of the units of all rows.
#pragma once

#include "worker.h"

namespace keepgate {

template <class T> class ForwardWorker : public Worker<T> {
 public:
  // `hoisting`: whether products of x are to be made for many steps at once, where that is faster.
  ForwardWorker(const CallPlan<T>& pass, RowShare share, bool hoisting) : Worker<T>(pass, share) {
    this->place_leaves();
    place_results();
    for (const Stage& stage : plan.forward) {
      for (const Bundle& bundle : stage.bundles) {
        bool ahead = false;
        for (const Term& term : bundle.terms) ahead |= term.hoisted;
        ahead &= hoisting && (rows < tuning::kHoistRows || pass.weight_bytes > tuning::kHoistWeights);
        hoists.push_back(ahead ? pass.take(pass.chunk, rows, padded(bundle)) : nullptr);
      }
      codes.push_back(stage.ops);
    }
    for (int width : plan.state_widths) restarted.push_back(pass.may_restart() ? pass.take(call.rows, width) : nullptr);
    prepare();
  }

  // Part `part` of the units of another worker, in the same memory; the parts meet at `barrier` after each stage.
  ForwardWorker(const ForwardWorker& whole, int part, int parts, Barrier& barrier) : ForwardWorker(whole) {
    this->part = part;
    this->parts = parts;
    this->barrier = &barrier;
    part_views = views;
    std::vector<bool> used(views.size(), false);
    for (std::vector<Instruction>& code : codes)
      for (Instruction& op : code) {
        op.width = (int32_t)(units(op.width).last - units(op.width).first);
        used[op.target] = used[op.args[0]] = used[op.args[1]] = used[op.args[2]] = true;
      }
    for (size_t v = 0; v < plan.values.size(); ++v)
      if (used[v]) shifts.push_back({(int)v, units(plan.values[v].width).first});
    prepare();
  }

  // What depends on x alone, for steps `from` to `to` of the chunk that begins at `origin`.
  void hoist(ptrdiff_t from, ptrdiff_t to, ptrdiff_t origin) {
    const bool whole = rows == call.rows && !call.lengths;
    for (Prepared& bundle : bundles) {
      if (!bundle.hoisted) continue;
      for (ptrdiff_t t = from; t < to; t += whole ? to - from : 1) {
        const ptrdiff_t count = whole ? (to - from) * rows : active(t);
        for (Segment<T>& segment : bundle.of_x)
          segment.rows = this->mine(call.x + t * call.rows * plan.input_size, plan.input_size);
        T* const sums = bundle.hoisted + (t - origin) * rows * bundle.padded + bundle.columns.first;
        for (size_t p = 0; p < bundle.sums.size(); ++p) bundle.sums[p].to = sums + p * kernels.panel;
        if (count)
          kernels.product({bundle.of_x.data(), (int32_t)bundle.of_x.size(), (int32_t)bundle.sums.size(),
                           bundle.sums.data(), bundle.bias, 0, count, pass.packed.storage,
                           bundle.work_of_x + (t - origin) * rows * bundle.row_bytes_of_x});
      }
    }
  }

  void step(ptrdiff_t t, ptrdiff_t origin) {
    const ptrdiff_t count = active(t);
    this->set_time(t);
    if (pass.any_restart[t]) this->gather_last(t, count, restarted);
    this->sample(t, count);
    for (size_t s = 0, b = 0; s < codes.size(); ++s) {
      if (s && barrier) barrier->wait();
      for (; b < bundles.size() && bundles[b].stage == s; ++b) {
        Prepared& bundle = bundles[b];
        const T* const sums = bundle.hoisted + (t - origin) * rows * bundle.padded + bundle.columns.first;
        bundle.product.run(kernels, views, bundle.hoisted ? sums : bundle.bias, bundle.hoisted ? bundle.padded : 0,
                           count, pass.packed.storage, bundle.work);
      }
      if (barrier) run_part(codes[s], count);
      else this->run_ops(codes[s], views, count, this->apart == 1);
    }
    finish(t, count);
    if (barrier) barrier->wait();
  }

 private:
  using Worker<T>::pass, Worker<T>::plan, Worker<T>::call, Worker<T>::kernels, Worker<T>::rows;
  using Worker<T>::views, Worker<T>::moving, Worker<T>::active;

  struct Range {
    ptrdiff_t first, last;
  };

  // A bundle of the forward pass, ready to run at any step.
  struct Prepared {
    size_t stage;
    StepProduct<T> product;             // of a step, without what is hoisted
    std::vector<Segment<T>> of_x;       // what is hoisted, into
    std::vector<Panel<T>> sums;         // the chunk's sums at
    T* hoisted;                         // [chunk, rows, padded]; null: nothing is
    ptrdiff_t padded;
    Range columns;                      // of this worker
    const T* bias;                      // of the first of them
    char *work, *work_of_x;             // for rounded rows of products, of a step and of a chunk
    ptrdiff_t row_bytes_of_x;
  };

  void place_results() {
    const std::vector<bool> is_local = this->find_local(plan.forward);
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
    for (size_t v = 0; v < plan.values.size(); ++v) {
      if (plan.values[v].kind != Kind::row || placed[v]) continue;
      if (is_local[v]) this->local(v);
      else this->scratch(v);
    }
  }

  void prepare() {
    bundles.clear();
    for (size_t s = 0; s < plan.forward.size(); ++s)
      for (size_t b = 0; b < plan.forward[s].bundles.size(); ++b)
        bundles.push_back(prepared(plan.forward[s].bundles[b], pass.packed.forward[s][b], s, hoists[bundles.size()]));
  }

  Prepared prepared(const Bundle& bundle, const PackedBundle<T>& packed, size_t stage, T* hoisted) const {
    const Range range = panels_in(bundle.width);
    const auto each = (ptrdiff_t)bundle.targets.size() * kernels.panel;  // columns of a panel of each gate
    const Range columns = {range.first * each, range.last * each};
    Prepared made{stage,   {}, {}, {}, hoisted, padded(bundle), columns, packed.bias.get() + columns.first, nullptr,
                  nullptr, 0};
    for (const bool of_x : {true, false})  // x first, as where it is hoisted: the sums have one order
      for (size_t i = 0; i < bundle.terms.size(); ++i) {
        const Term& term = bundle.terms[i];
        if (term.hoisted != of_x) continue;
        const ptrdiff_t depth = plan.block_columns[term.block];
        const ptrdiff_t bytes = panel_bytes<T>(pass.packed.storage, depth, kernels.panel);
        const char* const matrix = packed.terms[i].get() + columns.first / kernels.panel * bytes;
        if (of_x && hoisted) {
          made.of_x.push_back({nullptr, this->stride(depth), matrix, depth});
          made.row_bytes_of_x += rounded_row_bytes(pass.packed.storage, depth);
        } else {
          made.product.read(views, term.source, moving[term.source], matrix, depth);
        }
      }
    made.work = pass.arena.template take<char>(rows, made.product.row_bytes(pass.packed.storage));
    made.work_of_x = pass.arena.template take<char>(made.row_bytes_of_x ? pass.chunk : 0, rows, made.row_bytes_of_x);
    for (ptrdiff_t p = range.first; p < range.last; ++p)
      for (int target : bundle.targets)
        made.product.write(views, target, moving[target], p * kernels.panel, bundle.width, kernels.panel);
    for (ptrdiff_t column = columns.first; hoisted && column < columns.last; column += kernels.panel)
      made.sums.push_back({nullptr, made.padded, (int32_t)kernels.panel});
    return made;
  }

  ptrdiff_t padded(const Bundle& bundle) const {
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

  // Ops on this worker's units alone.
  void run_part(const std::vector<Instruction>& code, ptrdiff_t count) {
    for (const auto& [value, units] : shifts) part_views[value].base = views[value].base + units;
    this->run_ops(code, part_views, count, false);
  }

  void finish(ptrdiff_t t, ptrdiff_t count) {
    const ptrdiff_t at = after(call.reverse, t);
    for (int s : copies) {
      const StridedView<T>& from = views[plan.new_values[s]];
      const ptrdiff_t width = plan.state_widths[s];
      const Range range = units(width);
      this->copy(this->state(s, at) + range.first, this->stride(width), from.base + range.first, from.stride, count,
                 range.last - range.first);
    }
    if (count < rows && !call.rings[0] && part == 0)  // the output of rows that have ended is zero
      this->clear_ended(call.states[0] + at * call.rows * plan.state_widths[0], count, plan.state_widths[0]);
  }

  std::vector<int> copies;                      // states whose new value lies elsewhere
  std::vector<T*> hoists, restarted;            // per bundle, per state
  std::vector<Prepared> bundles;                // of all stages
  std::vector<std::vector<Instruction>> codes;  // per stage
  int part = 0, parts = 1;
  Barrier* barrier = nullptr;
  std::vector<StridedView<T>> part_views;  // as `views`, from this worker's first unit on
  std::vector<std::pair<int, ptrdiff_t>> shifts;
};

// All workers of a call.
template <class T> class Workers {
 public:
  // Their memory is the arena's, which is the caller's and outlives them.
  Workers(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call, Arena& arena,
          int threads, bool hoisting)
      : parts(parts_of(plan, kernels, call, threads)),
        pass(plan, kernels, packed, call, arena, threads, chunk_rows(plan, threads), parts > 1), barrier(parts) {
    workers.reserve(std::max<size_t>(pass.shares.size(), parts));
    if (parts > 1) {
      const ForwardWorker<T> whole(pass, pass.shares[0], hoisting);
      for (int i = 0; i < parts; ++i) workers.emplace_back(whole, i, parts, barrier);
    } else {
      for (const RowShare& share : pass.shares) workers.emplace_back(pass, share, hoisting);
    }
  }
  Workers(const Workers&) = delete;

  const int parts;  // into which the units are cut; if more than 1, each worker has all rows
  const CallPlan<T> pass;
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
