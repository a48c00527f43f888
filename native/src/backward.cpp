#include "worker.h"

namespace keepgate {
namespace {

// What all threads write in common, each for its rows: values that are summed after each chunk, and what goes from one
// chunk to the next, for rows go from thread to thread there.
template <class T> struct Shared {
  std::vector<T*> chunk;    // per value [chunk, B, W], or null
  std::vector<T*> last;     // per state [chunk, B, W]: states before steps that some row starts restart
  std::vector<T*> carried;  // per state [B, W]: its cotangent, from step to step
  std::vector<T*> sums;     // per vector [B, W], or null: its cotangent, summed over the steps

  // Takes its memory from the arena.
  Shared(const Plan& plan, const Call<T>& call, Arena& arena)
      : chunk(plan.values.size(), nullptr), sums(call.row_sums) {
    for (int width : plan.state_widths) carried.push_back(arena.zeros<T>(call.rows, width));
    for (size_t i = sums.size(); i < plan.vector_values.size(); ++i)
      sums.push_back(plan.vector_values[i] < 0 ? nullptr : arena.zeros<T>(call.rows, plan.vector_widths[i]));
  }
};

template <class T> class BackwardWorker : public Worker<T> {
 public:
  // Takes memory for all rows, whichever it will have.
  BackwardWorker(const CallPlan<T>& pass, const Shared<T>& shared)
      : Worker<T>(pass, 0, pass.call.rows), shared(shared) {
    this->place_leaves();
    std::vector<bool> is_local = this->find_local(plan.backward);
    std::vector<bool> placed(plan.values.size(), false);
    auto not_local = [&](int value) {
      if (value >= 0) is_local[value] = false;
    };
    for (int value : plan.last_values) not_local(value);
    for (int value : plan.step_input_values) not_local(value);
    not_local(plan.x_value);
    for (size_t s = 0; s < plan.new_values.size(); ++s) {
      const int value = plan.new_values[s];
      if (plan.values[value].kind == Kind::row && !placed[value]) {
        this->move(value, call.states[s], call.reverse ? 0 : -1);
        placed[value] = true;
      }
    }
    for (size_t i = 0; i < call.tape.size(); ++i) {
      this->move(plan.kept[i], call.tape[i]);
      placed[plan.kept[i]] = true;
    }
    for (size_t v = 0; v < plan.values.size(); ++v)
      if (shared.chunk[v]) {
        chunked.push_back(this->movers.size());
        this->move(v, shared.chunk[v]);
        placed[v] = true;
      }
    for (size_t s = 0; s < plan.state_widths.size(); ++s) {
      const int value = plan.last_values[s];
      direct.push_back(value >= 0 && plan.values[value].kind == Kind::row && !placed[value]);
      if (direct[s]) {
        this->share(value, shared.carried[s]);
        placed[value] = true;
      }
    }
    for (size_t i = 0; i < shared.sums.size(); ++i)
      if (shared.sums[i]) this->share(plan.vector_values[i], shared.sums[i]);
    for (size_t v = 0; v < plan.values.size(); ++v) {
      const Kind kind = plan.values[v].kind;
      if (placed[v] || (kind != Kind::row && kind != Kind::cotangent)) continue;
      if (kind == Kind::row && is_local[v]) this->local(v);
      else this->scratch(v);
    }
  }

  // Take the rows from `from` to `to` for the chunk that begins at `origin`; of all rows, `begun` had a step before.
  void begin_chunk(ptrdiff_t origin, ptrdiff_t from, ptrdiff_t to, ptrdiff_t begun) {
    for (size_t i : chunked) this->movers[i].origin = origin;
    this->origin = origin;
    const bool moved = first != from || rows != to - from;
    first = from;
    rows = to - from;
    entered = std::clamp<ptrdiff_t>(begun - first, 0, rows);
    if (moved) this->sample_masks();
  }

  void step(ptrdiff_t t) {
    const ptrdiff_t count = active(t);
    enter(count);
    this->set_time(t);
    if (pass.any_restart[t]) {
      std::vector<T*> to;
      for (size_t s = 0; s < shared.last.size(); ++s)
        to.push_back(shared.last[s] + (t - origin) * call.rows * plan.state_widths[s]);
      this->gather_last(t, count, to);
    }
    this->sample(t, count);
    add_cotangents(t, count);
    for (size_t s = 0; s < plan.backward.size(); ++s) {
      const Stage& stage = plan.backward[s];
      for (size_t i = 0; i < stage.transposed.size(); ++i) {
        const StridedView<T>& target = views[stage.transposed[i].target];
        run_transposed(stage.transposed[i], pass.packed.backward[s][i], target.base, target.stride, count);
      }
      this->run_ops(stage, count);
    }
    finish(t, count);
  }

  // The cotangent of x for steps `from` to `to`: one product for all of them where the rows lie together.
  void input(ptrdiff_t from, ptrdiff_t to) {
    if (!call.dx || plan.x.empty()) return;
    const bool whole = rows == call.rows && !call.lengths;
    const ptrdiff_t width = plan.input_size;
    for (ptrdiff_t t = from; t < to; t += whole ? to - from : 1) {
      const ptrdiff_t count = whole ? (to - from) * rows : active(t);
      this->set_time(t);
      T* out = call.dx + (t * call.rows + first) * width;
      run_transposed(plan.x[0], pass.packed.x[0], out, width, count);
      if (!whole) std::memset(out + count * width, 0, (rows - count) * width * sizeof(T));
    }
  }

 private:
  using Worker<T>::pass, Worker<T>::plan, Worker<T>::call, Worker<T>::kernels, Worker<T>::first, Worker<T>::rows;
  using Worker<T>::views, Worker<T>::panels, Worker<T>::segments;

  ptrdiff_t active(ptrdiff_t t) const { return std::clamp<ptrdiff_t>(pass.active(t) - first, 0, rows); }
  T* carried(size_t s) const { return shared.carried[s] + first * plan.state_widths[s]; }

  // Rows whose last step this is receive the cotangent of the final state.
  void enter(ptrdiff_t count) {
    for (ptrdiff_t r = entered; r < count; ++r)
      for (size_t s = 0; s < shared.carried.size(); ++s) {
        const ptrdiff_t width = plan.state_widths[s];
        if (call.d_final[s])
          std::memcpy(carried(s) + r * width, call.d_final[s] + (first + r) * width, width * sizeof(T));
      }
    entered = std::max(entered, count);
  }

  void add_cotangents(ptrdiff_t t, ptrdiff_t count) {
    for (size_t v = 0; v < plan.values.size(); ++v) {
      if (plan.values[v].kind != Kind::cotangent) continue;
      const int s = plan.values[v].slot;
      const ptrdiff_t width = plan.state_widths[s];
      if (call.d_states[s])
        kernels.add(carried(s), call.d_states[s] + (t * call.rows + first) * width, views[v].base, count * width);
      else
        std::memcpy(views[v].base, carried(s), count * width * sizeof(T));
    }
  }

  void run_transposed(const Transposed& product, const PackedTransposed<T>& packed, T* to, ptrdiff_t stride,
                      ptrdiff_t count) {
    segments.clear();
    panels.clear();
    for (size_t i = 0; i < product.deltas.size(); ++i) {
      const StridedView<T>& delta = views[product.deltas[i]];
      segments.push_back({delta.base, delta.stride, packed.deltas[i].get(), plan.values[product.deltas[i]].width});
    }
    this->panels_to(to, stride, product.width);
    this->multiply(segments, nullptr, 0, count);
  }

  void finish(ptrdiff_t t, ptrdiff_t count) {
    for (size_t s = 0; s < shared.carried.size(); ++s) {
      const ptrdiff_t width = plan.state_widths[s];
      const int value = plan.last_values[s];
      if (value < 0) std::fill(carried(s), carried(s) + count * width, T(0));
      else if (!direct[s]) copy(views[value], carried(s), count, width);
    }
    for (size_t i = 0; i < plan.step_input_values.size(); ++i) {
      const ptrdiff_t width = plan.step_input_widths[i];
      if (plan.step_input_values[i] >= 0)
        copy(views[plan.step_input_values[i]], call.d_step_inputs[i] + (t * call.rows + first) * width, count, width);
    }
    if (call.dx && plan.x_value >= 0)
      copy(views[plan.x_value], call.dx + (t * call.rows + first) * plan.input_size, count, plan.input_size);
    // Last: what is carried of one state may be the very value that another state, a step input or x has copied.
    if (pass.any_restart[t])
      for (ptrdiff_t r = 0; r < count; ++r)
        if (pass.restarts(t, first + r)) release(r);
  }

  // A row that restarted at this step: its cotangents go to the initial states and no further back.
  void release(ptrdiff_t r) {
    for (size_t s = 0; s < shared.carried.size(); ++s) {
      const ptrdiff_t width = plan.state_widths[s];
      T* const to = call.d_restart[s] + (first + r) * width;
      T* const from = carried(s) + r * width;
      kernels.add(to, from, to, width);
      std::fill(from, from + width, T(0));
    }
  }

  static void copy(const StridedView<T>& from, T* to, ptrdiff_t count, ptrdiff_t width) {
    for (ptrdiff_t r = 0; r < count; ++r) std::memcpy(to + r * width, from.base + r * from.stride, width * sizeof(T));
  }

  const Shared<T>& shared;
  std::vector<size_t> chunked;
  std::vector<bool> direct;
  ptrdiff_t origin = 0, entered = 0;
};

// What is left of the cotangents belongs to the initial states; rows without a step pass theirs through. The sums of
// vectors are summed over the rows.
template <class T> void end(const CallPlan<T>& pass, const Shared<T>& shared) {
  const Call<T>& call = pass.call;
  for (size_t i = 0; i < shared.sums.size() && call.row_sums.empty(); ++i)
    if (shared.sums[i]) pass.kernels.sum_rows(shared.sums[i], call.rows, pass.plan.vector_widths[i], call.d_vectors[i]);
  for (size_t s = 0; s < shared.carried.size(); ++s)
    for (ptrdiff_t b = 0; b < call.rows; ++b) {
      const ptrdiff_t width = pass.plan.state_widths[s];
      const bool never = pass.length(b) == 0;
      const T* from = never ? call.d_final[s] : shared.carried[s];
      T* to = call.d_initial[s] + b * width;
      if (from) pass.kernels.add(to, from + b * width, to, width);
    }
}

// The gradients of weights and biases, summed over the steps of a chunk in the order of the walk.
template <class T> class Sums {
 public:
  Sums(const CallPlan<T>& pass, const Shared<T>& shared)
      : pass(pass), plan(pass.plan), call(pass.call), shared(shared) {
    ptrdiff_t columns = 0;
    for (const Outers& outers : plan.outers) columns = std::max<ptrdiff_t>(columns, plan.values[outers.source].width);
    columns = panels_of((int)columns, pass.kernels.panel) * pass.kernels.panel + pass.kernels.tile;
    for (int thread = 0; thread < pass.threads; ++thread)
      work.push_back(pass.take(pass.chunk, call.rows, columns));
    state_of.assign(plan.values.size(), -1);
    for (size_t s = 0; s < plan.new_values.size(); ++s)
      if (state_of[plan.new_values[s]] < 0) state_of[plan.new_values[s]] = (int)s;
    tape_of.assign(plan.values.size(), -1);
    for (size_t i = 0; i < call.tape.size(); ++i) tape_of[plan.kept[i]] = (int)i;
  }

  // The rows of weights that no step adds to.
  void clear() {
    for (size_t block = 0; block < plan.block_rows.size(); ++block) {
      const ptrdiff_t columns = plan.block_columns[block];
      std::vector<bool> summed(plan.block_rows[block], false);
      if (call.steps)
        for (const Outers& outers : plan.outers)
          for (size_t gate = 0; outers.block == (int)block && gate < outers.deltas.size(); ++gate)
            std::fill_n(summed.begin() + outers.rows[gate], plan.values[outers.deltas[gate]].width, true);
      for (ptrdiff_t row = 0; row < plan.block_rows[block]; ++row)
        if (!summed[row]) std::fill_n(call.d_weights[block] + row * columns, columns, T(0));
    }
  }

  // Add the steps `walk` of the chunk that begins at `origin`; each thread takes its part of the tiles.
  void add(const std::vector<ptrdiff_t>& walk, ptrdiff_t origin, bool begin, int thread) {
    for (const Outers& outers : plan.outers) add_outers(outers, walk, origin, begin, thread);
  }

 private:
  const T* locate(int v, ptrdiff_t t, ptrdiff_t origin) const {
    const Value& value = plan.values[v];
    const ptrdiff_t size = call.rows * value.width;
    if (shared.chunk[v]) return shared.chunk[v] + (t - origin) * size;
    if (tape_of[v] >= 0) return call.tape[tape_of[v]] + t * size;
    if (value.kind == Kind::input) return call.x + t * size;
    if (value.kind == Kind::step_input) return call.step_inputs[value.slot] + t * size;
    if (value.kind == Kind::last)
      return pass.any_restart[t] ? shared.last[value.slot] + (t - origin) * size
                               : call.states[value.slot] + before(call.reverse, t) * size;
    return call.states[state_of[v]] + after(call.reverse, t) * size;
  }

  void add_outers(const Outers& outers, const std::vector<ptrdiff_t>& walk, ptrdiff_t origin, bool begin, int thread) {
    const ptrdiff_t gates = outers.deltas.size(), m = plan.values[outers.deltas[0]].width;
    const ptrdiff_t n = plan.values[outers.source].width, tile = pass.kernels.tile;
    const ptrdiff_t tiles = gates * ((m + tile - 1) / tile);
    std::vector<Sources<T>> blocks;
    std::vector<const T*> deltas;
    std::vector<T*> to;
    for (ptrdiff_t t : walk) blocks.push_back({locate(outers.source, t, origin), n, pass.active(t)});
    for (ptrdiff_t gate = 0; gate < gates; ++gate) {
      for (ptrdiff_t t : walk) deltas.push_back(locate(outers.deltas[gate], t, origin));
      to.push_back(call.d_weights[outers.block] + outers.rows[gate] * n);
    }
    const Outer<T> outer = {blocks.data(), deltas.data(), to.data(), (ptrdiff_t)walk.size(), gates, m, n, n,
                            tiles * thread / pass.threads, tiles * (thread + 1) / pass.threads, !begin};
    pass.kernels.outer(outer, work[thread]);
    for (ptrdiff_t gate = thread; gate < gates; gate += pass.threads)
      if (outers.biases[gate] >= 0 && call.d_biases[outers.bias_block])
        for (size_t i = 0; i < walk.size(); ++i)
          pass.kernels.sum_rows(deltas[gate * walk.size() + i], blocks[i].count, m,
                                call.d_biases[outers.bias_block] + outers.biases[gate]);
  }

  const CallPlan<T>& pass;
  const Plan& plan;
  const Call<T>& call;
  const Shared<T>& shared;
  std::vector<T*> work;
  std::vector<int> state_of, tape_of;  // of each value: the state or the tape that holds it, or -1
};

}  // namespace

template <class T>
void backward(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call, Pool& pool,
              int threads) {
  ScopedArena arena;
  const CallPlan<T> pass(plan, kernels, packed, call, arena, threads, tuning::kChunkRows);
  Shared<T> shared(plan, call, arena);
  std::vector<bool> stored(plan.values.size(), false);
  for (int value : plan.kept) stored[value] = true;
  for (int value : plan.new_values) stored[value] = true;
  auto share = [&](int v) {
    if (v < 0 || stored[v]) return;
    stored[v] = true;
    if (plan.values[v].kind == Kind::row || plan.values[v].kind == Kind::cotangent)
      shared.chunk[v] = pass.take(pass.chunk, call.rows, plan.values[v].width);
  };
  for (const Outers& outers : plan.outers) {
    share(outers.source);
    for (int delta : outers.deltas) share(delta);
  }
  for (int width : plan.state_widths)
    shared.last.push_back(pass.may_restart() ? pass.take(pass.chunk, call.rows, width) : nullptr);
  std::vector<BackwardWorker<T>> workers;
  workers.reserve(pass.bounds.size());
  for (size_t i = 0; i + 1 < pass.bounds.size(); ++i) workers.emplace_back(pass, shared);
  Sums<T> sums(pass, shared);
  if (!call.add_weights) sums.clear();
  const ptrdiff_t steps = call.steps;
  const bool alone = !pass.by_rows;
  ptrdiff_t begun = 0;
  for (ptrdiff_t done = 0; done < steps; done += pass.chunk) {
    const ptrdiff_t here = std::min(pass.chunk, steps - done), origin = call.reverse ? done : steps - done - here;
    std::vector<ptrdiff_t> walk;
    for (ptrdiff_t i = 0; i < here; ++i) walk.push_back(call.reverse ? origin + i : origin + here - 1 - i);
    const std::vector<ptrdiff_t> bounds = pass.cut(origin, origin + here);
    pool.run((int)workers.size(), [&](int i) {
      workers[i].begin_chunk(origin, bounds[i], bounds[i + 1], begun);
      for (ptrdiff_t t : walk) workers[i].step(t);
      if (!alone) workers[i].input(origin, origin + here);
    });
    pool.run(pass.threads, [&](int i) {
      if (alone) {
        BackwardWorker<T> helper(workers[0]);
        helper.input(part(origin, origin + here, i, pass.threads), part(origin, origin + here, i + 1, pass.threads));
      }
      sums.add(walk, origin, done == 0 && !call.add_weights, i);
    });
    begun = std::max(begun, pass.active(origin));
  }
  end(pass, shared);
}

template void backward<float>(const Plan&, const Kernels<float>&, const Packed<float>&, const Call<float>&, Pool&, int);
template void backward<double>(const Plan&, const Kernels<double>&, const Packed<double>&, const Call<double>&, Pool&,
                               int);

}  // namespace keepgate
