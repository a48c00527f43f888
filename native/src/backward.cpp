#include "worker.h"

namespace keepgate {
namespace {

// What all threads write in common, each for its rows: values that are summed after each chunk, and what is carried.
template <class T> struct Shared {
  std::vector<T*> chunk;    // per value [chunk, B, W], or null
  std::vector<T*> last;     // per state [chunk, B, W]: states before steps at which some row restarts
  std::vector<T*> carried;  // per state [B, W]: its cotangent, from step to step
  std::vector<T*> sums;     // per vector [B, W], or null: its cotangent, summed over the steps

  // Takes its memory from the arena of the pass.
  explicit Shared(const CallPlan<T>& pass) : chunk(pass.plan.values.size(), nullptr), sums(pass.call.row_sums) {
    const Plan& plan = pass.plan;
    const ptrdiff_t rows = pass.call.rows;
    for (int width : plan.state_widths) {
      carried.push_back(pass.arena.template zeros<T>(rows, width));
      last.push_back(pass.may_restart() ? pass.take(pass.chunk, rows, width) : nullptr);
    }
    for (size_t i = sums.size(); i < plan.vector_values.size(); ++i)
      sums.push_back(plan.vector_values[i] < 0 ? nullptr : pass.arena.template zeros<T>(rows, plan.vector_widths[i]));
    std::vector<bool> stored(plan.values.size(), false);
    for (int value : plan.kept) stored[value] = true;
    for (int value : plan.new_values) stored[value] = true;
    for (const Outers& outers : plan.outers) {
      std::vector<int> summed(outers.deltas);
      summed.push_back(outers.source);
      for (int v : summed) {
        const Kind kind = plan.values[v].kind;
        if (stored[v] || chunk[v] || (kind != Kind::row && kind != Kind::cotangent)) continue;
        chunk[v] = pass.take(pass.chunk, rows, plan.values[v].width);
      }
    }
  }
};

template <class T> class BackwardWorker : public Worker<T> {
 public:
  BackwardWorker(const CallPlan<T>& pass, const Shared<T>& shared, RowShare share)
      : Worker<T>(pass, share), shared(shared), gathered(plan.state_widths.size()) {
    this->place_leaves();
    place_results();
    for (size_t v = 0; v < plan.values.size(); ++v)
      if (plan.values[v].kind == Kind::cotangent) cotangents.push_back((int)v);
    for (size_t s = 0; s < plan.backward.size(); ++s) {
      const Stage& stage = plan.backward[s];
      std::vector<StepProduct<T>>& of_stage = products.emplace_back();
      for (size_t i = 0; i < stage.transposed.size(); ++i) {
        const int target = stage.transposed[i].target;
        StepProduct<T>& product = of_stage.emplace_back(transposed(stage.transposed[i], pass.packed.backward[s][i]));
        for (ptrdiff_t unit = 0; unit < stage.transposed[i].width; unit += kernels.panel)
          product.write(views, target, moving[target], unit, stage.transposed[i].width, kernels.panel);
      }
    }
    if (call.dx && !plan.x.empty()) {
      views.push_back({call.dx, this->stride(plan.input_size), 0});  // renewed by `input`
      of_x = transposed(plan.x[0], pass.packed.x[0]);
      for (ptrdiff_t unit = 0; unit < plan.input_size; unit += kernels.panel)
        of_x.write(views, (int)views.size() - 1, true, unit, plan.input_size, kernels.panel);
    }
    take_work();
  }

  // Where rows are rounded for products; a copy of a worker has its own.
  void take_work() {
    const Storage storage = pass.packed.backward_storage();
    ptrdiff_t bytes = 0;
    for (const std::vector<StepProduct<T>>& of_stage : products)
      for (const StepProduct<T>& product : of_stage) bytes = std::max(bytes, product.row_bytes(storage));
    const bool whole = rows == call.rows && !call.lengths;
    work = pass.arena.template take<char>(rows, std::max(bytes, (whole ? pass.chunk : 1) * of_x.row_bytes(storage)));
  }

  void begin_chunk(ptrdiff_t origin) {
    for (size_t i : chunked) this->movers[i].origin = origin;
    this->origin = origin;
  }

  void step(ptrdiff_t t) {
    const ptrdiff_t count = active(t);
    enter(count);
    this->set_time(t);
    if (pass.any_restart[t]) {
      for (size_t s = 0; s < gathered.size(); ++s)
        gathered[s] = shared.last[s] + (t - origin) * call.rows * plan.state_widths[s];
      this->gather_last(t, count, gathered);
    }
    this->sample(t, count);
    add_cotangents(t, count);
    for (size_t s = 0; s < plan.backward.size(); ++s) {
      for (StepProduct<T>& product : products[s]) product.run_apart(kernels, views, count, storage(), work);
      this->run_ops(plan.backward[s].ops, views, count, this->apart == 1);
    }
    finish(t, count);
  }

  // The cotangent of x for steps `from` to `to`: one product for all of them where the rows lie together.
  void input(ptrdiff_t from, ptrdiff_t to) {
    if (of_x.empty()) return;
    const bool whole = rows == call.rows && !call.lengths;
    const ptrdiff_t width = plan.input_size;
    for (ptrdiff_t t = from; t < to; t += whole ? to - from : 1) {
      const ptrdiff_t count = whole ? (to - from) * rows : active(t);
      this->set_time(t);
      T* const out = call.dx + t * call.rows * width;
      views.back().base = this->mine(out, width);
      of_x.run_apart(kernels, views, count, storage(), work);
      if (!whole) this->clear_ended(out, count, width);
    }
  }

 private:
  using Worker<T>::pass, Worker<T>::plan, Worker<T>::call, Worker<T>::kernels, Worker<T>::rows;
  using Worker<T>::views, Worker<T>::moving, Worker<T>::active;

  void place_results() {
    std::vector<bool> is_local = this->find_local(plan.backward), placed(plan.values.size(), false);
    const auto not_local = [&](int value) {
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

  // A product with its segments; what it writes is to be added.
  StepProduct<T> transposed(const Transposed& product, const PackedTransposed<T>& packed) const {
    StepProduct<T> made;
    for (size_t i = 0; i < product.deltas.size(); ++i) {
      const int delta = product.deltas[i];
      made.read(views, delta, moving[delta], packed.deltas[i].get(), plan.values[delta].width);
    }
    return made;
  }

  Storage storage() const { return pass.packed.backward_storage(); }
  T* carried(size_t s) const { return this->mine(shared.carried[s], plan.state_widths[s]); }
  // Rows of [B, W] buffers of the caller, at step t of [T, B, W].
  template <class P> P* at(P* buffer, ptrdiff_t t, ptrdiff_t width) const {
    return this->mine(buffer + t * call.rows * width, width);
  }

  // Rows whose last step this is receive the cotangent of the final state.
  void enter(ptrdiff_t count) {
    if (count <= entered) return;
    for (size_t s = 0; s < shared.carried.size(); ++s) {
      if (!call.d_final[s]) continue;
      const ptrdiff_t width = plan.state_widths[s], stride = this->stride(width), begin = entered * stride;
      const T* const from = this->mine(call.d_final[s], width) + begin;
      this->copy(carried(s) + begin, stride, from, stride, count - entered, width);
    }
    entered = count;
  }

  void add_cotangents(ptrdiff_t t, ptrdiff_t count) {
    for (int v : cotangents) {
      const int s = plan.values[v].slot;
      const ptrdiff_t width = plan.state_widths[s], stride = this->stride(width);
      const StridedView<T>& to = views[v];
      if (!call.d_states[s]) {
        this->copy(to.base, to.stride, carried(s), stride, count, width);
        continue;
      }
      const T *const later = carried(s), *const now = at(call.d_states[s], t, width);
      if (stride == width && to.stride == width) kernels.add(later, now, to.base, count * width);
      else
        for (ptrdiff_t r = 0; r < count; ++r)
          kernels.add(later + r * stride, now + r * stride, to.base + r * to.stride, width);
    }
  }

  void finish(ptrdiff_t t, ptrdiff_t count) {
    for (size_t s = 0; s < shared.carried.size(); ++s) {
      const ptrdiff_t width = plan.state_widths[s], stride = this->stride(width);
      const int value = plan.last_values[s];
      if (value < 0)
        for (ptrdiff_t r = 0; r < count; ++r) std::fill_n(carried(s) + r * stride, width, T(0));
      else if (!direct[s])
        this->copy(carried(s), stride, views[value].base, views[value].stride, count, width);
    }
    for (size_t i = 0; i < plan.step_input_values.size(); ++i)
      give(plan.step_input_values[i], call.d_step_inputs[i], t, count, plan.step_input_widths[i]);
    if (call.dx && plan.x_value >= 0) {
      give(plan.x_value, call.dx, t, count, plan.input_size);
      this->clear_ended(call.dx + t * call.rows * plan.input_size, count, plan.input_size);
    }
    // Last: what is carried of one state may be the very value that another state, a step input or x has copied.
    if (pass.any_restart[t])
      for (ptrdiff_t r = 0; r < count; ++r)
        if (pass.restarts(t, this->first + r * this->apart)) release(r);
  }

  // Copy a value, if there is one, to step t of a buffer.
  void give(int value, T* to, ptrdiff_t t, ptrdiff_t count, ptrdiff_t width) const {
    if (value >= 0)
      this->copy(at(to, t, width), this->stride(width), views[value].base, views[value].stride, count, width);
  }

  // A row that restarted at this step: its cotangents go to the initial states and no further back.
  void release(ptrdiff_t r) {
    for (size_t s = 0; s < shared.carried.size(); ++s) {
      const ptrdiff_t width = plan.state_widths[s], row = r * this->stride(width);
      T *const to = this->mine(call.d_restart[s], width) + row, *const from = carried(s) + row;
      kernels.add(to, from, to, width);
      std::fill_n(from, width, T(0));
    }
  }

  const Shared<T>& shared;
  std::vector<std::vector<StepProduct<T>>> products;  // per stage
  StepProduct<T> of_x;
  char* work;                    // for rounded rows
  std::vector<int> cotangents;   // their values
  std::vector<size_t> chunked;   // movers whose buffers hold one chunk
  std::vector<bool> direct;      // per state: what is carried is written by an op itself
  std::vector<T*> gathered;      // per state, of the present step
  ptrdiff_t origin = 0, entered = 0;
};

// What is left of the cotangents belongs to the initial states; rows without a step pass theirs through. The sums of
// vectors are summed over the rows.
template <class T> void end(const CallPlan<T>& pass, const Shared<T>& shared) {
  const Call<T>& call = pass.call;
  for (size_t i = 0; i < shared.sums.size() && call.row_sums.empty(); ++i)
    if (const ptrdiff_t width = pass.plan.vector_widths[i]; shared.sums[i])
      pass.kernels.sum_rows(shared.sums[i], width, call.rows, width, call.d_vectors[i]);
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
    size_t gates = 0;
    for (const Outers& outers : plan.outers) gates = std::max(gates, outers.deltas.size());
    for (int thread = 0; thread < pass.threads; ++thread) {
      Work& work = works.emplace_back();
      work.gathered = pass.take(pass.chunk, call.rows, columns);
      work.blocks.reserve(pass.chunk);  // a thread that others wait for must not fail for want of memory
      work.deltas.reserve(gates * pass.chunk);
      work.to.reserve(gates);
    }
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

  // Add `steps` steps, the chunk that begins at `origin`; each thread takes its part of the tiles.
  void add(ptrdiff_t origin, ptrdiff_t steps, bool begin, int thread) {
    for (const Outers& outers : plan.outers) add_outers(outers, origin, steps, begin, thread);
  }

 private:
  // Of one thread.
  struct Work {
    T* gathered;
    std::vector<Sources<T>> blocks;
    std::vector<const T*> deltas;
    std::vector<T*> to;
  };

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

  void add_outers(const Outers& outers, ptrdiff_t origin, ptrdiff_t steps, bool begin, int thread) {
    const ptrdiff_t gates = outers.deltas.size(), m = plan.values[outers.deltas[0]].width;
    const ptrdiff_t n = plan.values[outers.source].width, tile = pass.kernels.tile;
    const ptrdiff_t tiles = gates * ((m + tile - 1) / tile);
    auto& [gathered, blocks, deltas, to] = works[thread];
    blocks.clear();
    deltas.clear();
    to.clear();
    const auto walked = [&](ptrdiff_t i) { return pass.backwards(origin, steps, i); };
    // The steps of a single row are the rows of one block, one step apart; but pairs must not depend on chunks.
    const bool pairs = pass.packed.storage == Storage::pairs;
    const bool single = !pairs && call.rows == 1 && !call.lengths && !pass.may_restart();
    const ptrdiff_t count = single ? 1 : steps, way = single && !call.reverse ? -1 : 1;
    for (ptrdiff_t i = 0; i < count; ++i)
      blocks.push_back({locate(outers.source, walked(i), origin), way * n, single ? steps : pass.active(walked(i))});
    for (ptrdiff_t gate = 0; gate < gates; ++gate) {
      for (ptrdiff_t i = 0; i < count; ++i) deltas.push_back(locate(outers.deltas[gate], walked(i), origin));
      to.push_back(call.d_weights[outers.block] + outers.rows[gate] * n);
    }
    const Outer<T> outer = {blocks.data(), deltas.data(), to.data(), count, gates, m, n, way * m, n,
                            part(0, tiles, thread, pass.threads), part(0, tiles, thread + 1, pass.threads), !begin,
                            pairs};
    pass.kernels.outer(outer, gathered);
    for (ptrdiff_t gate = thread; gate < gates; gate += pass.threads)
      if (outers.biases[gate] >= 0 && call.d_biases[outers.bias_block])
        for (ptrdiff_t i = 0; i < count; ++i)
          pass.kernels.sum_rows(deltas[gate * count + i], way * m, blocks[i].count, m,
                                call.d_biases[outers.bias_block] + outers.biases[gate]);
  }

  const CallPlan<T>& pass;
  const Plan& plan;
  const Call<T>& call;
  const Shared<T>& shared;
  std::vector<Work> works;
  std::vector<int> state_of, tape_of;  // of each value: the state or the tape that holds it, or -1
};

}  // namespace

template <class T>
void backward(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call, Pool& pool,
              int threads) {
  ScopedArena arena;
  const CallPlan<T> pass(plan, kernels, packed, call, arena, threads, tuning::kChunkRows);
  const Shared<T> shared(pass);
  std::vector<BackwardWorker<T>> workers;
  workers.reserve(pass.threads);
  for (const RowShare& share : pass.shares) workers.emplace_back(pass, shared, share);
  const bool alone = !pass.by_rows;  // one worker steps, and all threads share what is done for a chunk at once
  while (alone && (int)workers.size() < pass.threads) workers.emplace_back(workers[0]).take_work();
  Sums<T> sums(pass, shared);
  if (!call.add_weights) sums.clear();
  Barrier barrier(pass.threads);
  pool.run(pass.threads, [&](int i) {
    for (ptrdiff_t done = 0; done < call.steps; done += pass.chunk) {
      const ptrdiff_t here = std::min(pass.chunk, call.steps - done);
      const ptrdiff_t origin = call.reverse ? done : call.steps - done - here, end = origin + here;
      workers[i].begin_chunk(origin);
      for (ptrdiff_t k = 0; k < here && !(alone && i); ++k) workers[i].step(pass.backwards(origin, here, k));
      if (!alone) workers[i].input(origin, end);
      barrier.wait();
      if (alone) workers[i].input(part(origin, end, i, pass.threads), part(origin, end, i + 1, pass.threads));
      sums.add(origin, here, done == 0 && !call.add_weights, i);
      barrier.wait();
    }
  });
  end(pass, shared);
}

#define KEEPGATE_OF(T) \
  template void backward<T>(const Plan&, const Kernels<T>&, const Packed<T>&, const Call<T>&, Pool&, int);
KEEPGATE_OF(float)
KEEPGATE_OF(double)

}  // namespace keepgate
