// What both passes know of a call: how steps are cut into chunks and rows into threads, and which rows run when.
#pragma once

#include "keepgate/scan.h"
#include "layout.h"
#include "pool.h"

namespace keepgate {

constexpr ptrdiff_t kChunkRows = 512;        // rows of x that are multiplied at once, and of deltas before their sums
constexpr ptrdiff_t kBlockBytes = 1 << 18;   // values of a block of rows: they stay in the second-level cache
constexpr double kWorthThreads = 2e6;        // floating-point operations below which waking a thread costs more
constexpr ptrdiff_t kRowsPerThread = 4;      // below, threads share the products of all steps instead of the batch

inline thread_local Arena arena;

struct ClearArena {
  ~ClearArena() { arena.clear(); }
};

template <class T> class Pass {
 public:
  Pass(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call, Pool& pool, int threads,
       ptrdiff_t chunk_rows, bool together = false)
      : plan(plan), kernels(kernels), packed(*packed.matrices), call(call), pool(pool) {
    for (const Value& value : plan.values) widest = std::max<ptrdiff_t>(widest, value.width);
    chunk = std::clamp<ptrdiff_t>(chunk_rows / std::max<ptrdiff_t>(call.rows, 1), 1, std::max<ptrdiff_t>(call.steps, 1));
    size_t values = 1;  // of one row
    for (const auto* stages : {&plan.forward, &plan.backward})
      for (const Stage& stage : *stages) values = std::max(values, stage.rows.size());
    block = std::clamp<ptrdiff_t>(kBlockBytes / (ptrdiff_t)(values * widest * sizeof(T)), 1, 16);
    for (size_t i = 0; i < plan.block_rows.size(); ++i)
      weight_bytes += sizeof(T) * plan.block_rows[i] * plan.block_columns[i];
    const double operations = 2.0 / sizeof(T) * weight_bytes * call.steps * call.rows;
    if (operations < kWorthThreads) threads = 1;
    by_rows = !together && call.rows >= kRowsPerThread * threads;
    this->threads = threads;
    find_running();
    bounds = cut(0, call.steps);
    find_fresh();
  }

  ptrdiff_t active(ptrdiff_t t) const { return call.lengths ? running[t] : call.rows; }

  // Bounds of the rows of each thread, such that all have as many rows to step from step `from` to step `to`.
  std::vector<ptrdiff_t> cut(ptrdiff_t from, ptrdiff_t to) const {
    const int parts = by_rows ? threads : 1;
    std::vector<ptrdiff_t> bounds(1, 0);
    ptrdiff_t whole = 0, sum = 0;
    auto steps = [&](ptrdiff_t b) { return call.lengths ? std::clamp<ptrdiff_t>(length(b), from, to) - from : 1; };
    for (ptrdiff_t b = 0; b < call.rows; ++b) whole += steps(b);
    for (ptrdiff_t b = 0; b < call.rows; ++b) {
      if ((ptrdiff_t)bounds.size() < parts && sum * parts >= whole * (ptrdiff_t)bounds.size()) bounds.push_back(b);
      sum += steps(b);
    }
    while ((int)bounds.size() <= parts) bounds.push_back(call.rows);
    return bounds;
  }

  // Number of steps of row b.
  ptrdiff_t length(ptrdiff_t b) const {
    return call.lengths ? std::clamp<ptrdiff_t>(call.lengths[b] - call.first_step, 0, call.steps) : call.steps;
  }

  // Whether row b starts step t from the initial state, other than at the first step of all rows.
  bool fresh(ptrdiff_t t, ptrdiff_t b) const {
    if (call.reset && call.reset[t * call.rows + b]) return true;
    return call.reverse && call.lengths && call.lengths[b] - 1 == call.first_step + t;
  }

  const Plan& plan;
  const Kernels<T>& kernels;
  const typename Packed<T>::Matrices& packed;
  const Call<T>& call;
  Pool& pool;
  int threads;
  bool by_rows;                   // threads share the batch; else one thread steps and all share large products
  size_t weight_bytes = 0;
  ptrdiff_t chunk, block, widest = 1;
  std::vector<ptrdiff_t> bounds;  // rows of each thread that keeps the same rows for all steps
  std::vector<uint8_t> any_fresh; // per step

 private:
  void find_running() {
    if (!call.lengths) return;
    running.assign(call.steps, 0);
    ptrdiff_t t = 0;
    for (ptrdiff_t b = call.rows; b > 0; --b)
      for (; t < length(b - 1); ++t) running[t] = (int32_t)b;
  }

  void find_fresh() {
    any_fresh.assign(call.steps, 0);
    if (!call.reset && !(call.reverse && call.lengths)) return;
    for (ptrdiff_t t = 0; t < call.steps; ++t)
      for (ptrdiff_t b = 0; b < active(t) && !any_fresh[t]; ++b) any_fresh[t] = fresh(t, b);
  }

  std::vector<int32_t> running;
};

// Part `i` of `n` of the steps from `from` to `to`.
inline ptrdiff_t part(ptrdiff_t from, ptrdiff_t to, int i, int n) { return from + (to - from) * i / n; }

}  // namespace keepgate
