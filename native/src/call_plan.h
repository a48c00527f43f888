// What both passes know of a call; and, first of all, how a call is run.
//
// A *call* walks T steps (first to last, or in reverse) over B *rows*: the batch, one row per sequence. At each step
// the *plan* of the cell is run: stages, each of matrix products (*bundles*: the affine maps of the same sources, all
// gates together) and then of elementwise *ops* on what they gave. Numbered *values* stand for whatever an op or a
// product reads or writes; a *view* (base, stride) says where the rows of a value lie at the present step.
//
// Where a value lies:
//   - *moving*: in a buffer over time [T, B, W], a tape or a recorded state: its view moves on with every step;
//   - *ring*: the same in [2, B, W], for a state that nobody wants to see: step i in place i mod 2;
//   - *shared*: in [B, W], the same at every step: what is carried or summed from step to step;
//   - *scratch*: in [rows, W] of one worker: written and read within a step;
//   - *local*: made and used by the ops of one stage alone, so that a *block* of a few rows is enough: all ops run on
//     one block, which stays in the cache, before the next one.
//
// Products of x. What depends on x alone is *hoisted* out of the walk: it is multiplied for a whole *chunk* of steps at
// once, for larger products run faster, and each step starts its sums from there. Where a step is large enough by
// itself (`tuning::kHoistRows`) x is multiplied within it. Either way a sum has the same terms in the same order: bias,
// x, states. That is the rule that keeps all bits equal, whatever is cut how.
//
// Threads. A *worker* is what one thread does of a call. There are three ways to cut:
//   - *by rows*: each worker has some rows, for all steps; threads never meet in the forward pass. The usual way;
//   - *by units* (forward only): few rows, or weights that fit no cache: each worker makes some units of all rows, a
//     *part*, and all meet at a barrier after each stage;
//   - *by steps*: one worker walks, and all threads share what is done for a chunk at once (products of x, sums).
//
// Lengths. Rows are sorted by falling length, so those *active* at a step are the first ones; `running` counts them.
// Rows that end one after the other are *dealt*: worker i of n has rows i, i + n, i + 2 n, ..., so that all workers
// have nearly as much to do until the end, and no row ever changes hands.
//
// Restarts. A row *restarts* at a step that it begins from its initial state though the walk is under way: at a reset,
// or in reverse where its length begins. Such steps read states that are gathered row by row; backwards, the cotangent
// of such a row goes to the initial state (`d_restart`), and no further.
//
// Backwards, a worker walks a chunk in reverse and leaves the *deltas* (cotangents of sums) of all its steps behind.
// Then all threads meet, and each sums its tiles of the weights' gradients over the chunk, in the order of the walk: so
// the sums do not depend on how rows were cut.
#pragma once

#include "arena.h"
#include "keepgate/scan.h"
#include "layout.h"
#include "packed.h"
#include "pool.h"
#include "tuning.h"

namespace keepgate {

// Part `i` of `n` of what goes from `from` to `to`.
inline ptrdiff_t part(ptrdiff_t from, ptrdiff_t to, ptrdiff_t i, ptrdiff_t n) { return from + (to - from) * i / n; }

// Rows of a worker: `count` of them, `first`, `first + apart`, ...
struct RowShare {
  ptrdiff_t first, apart, count;
};

template <class T> class CallPlan {
 public:
  // `together`: all rows stay with every thread. The arena is the caller's and outlives the plan.
  CallPlan(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call, Arena& arena,
           int threads, ptrdiff_t chunk_rows, bool together = false)
      : plan(plan), kernels(kernels), packed(*packed.matrices), call(call), arena(arena) {
    for (const Value& value : plan.values) widest = std::max<ptrdiff_t>(widest, value.width);
    const ptrdiff_t most = std::max<ptrdiff_t>(call.steps, 1);
    chunk = std::clamp<ptrdiff_t>(chunk_rows / std::max<ptrdiff_t>(call.rows, 1), 1, most);
    size_t values = 1;  // of one row
    for (const auto* stages : {&plan.forward, &plan.backward})
      for (const Stage& stage : *stages) values = std::max(values, stage.ops.size());
    const auto row_bytes = (ptrdiff_t)(values * widest * sizeof(T));
    block = std::clamp<ptrdiff_t>(tuning::kBlockBytes / row_bytes, 1, tuning::kBlockRows);
    for (size_t i = 0; i < plan.block_rows.size(); ++i)
      weight_bytes += sizeof(T) * plan.block_rows[i] * plan.block_columns[i];
    const double operations = 2.0 / sizeof(T) * weight_bytes * call.steps * call.rows;
    if (operations < tuning::kThreadsOperations) threads = 1;
    by_rows = !together && call.rows >= tuning::kRowsPerThread * threads;
    this->threads = threads;
    find_running();
    share_rows();
    find_restarts();
  }

  ptrdiff_t active(ptrdiff_t t) const { return call.lengths ? running[t] : call.rows; }

  // Memory for as many numbers as the product of `sizes`, until the call is done.
  template <class... Sizes> T* take(Sizes... sizes) const { return arena.take<T>(sizes...); }

  // How many of the rows of a share are active at step t; all are in reach, the first ones are active.
  ptrdiff_t active(ptrdiff_t t, const RowShare& share) const {
    if (!call.lengths) return share.count;
    return std::clamp<ptrdiff_t>((running[t] - share.first + share.apart - 1) / share.apart, 0, share.count);
  }

  // Step `i` of the walk back over the `steps` steps from `origin` on.
  ptrdiff_t backwards(ptrdiff_t origin, ptrdiff_t steps, ptrdiff_t i) const {
    return call.reverse ? origin + i : origin + steps - 1 - i;
  }

  // Number of steps of row b.
  ptrdiff_t length(ptrdiff_t b) const {
    return call.lengths ? std::clamp<ptrdiff_t>(call.lengths[b] - call.first_step, 0, call.steps) : call.steps;
  }

  // Whether any row may restart; and whether row b does, at step t.
  bool may_restart() const { return call.reset || (call.reverse && call.lengths); }
  bool restarts(ptrdiff_t t, ptrdiff_t b) const {
    if (call.reset && call.reset[t * call.rows + b]) return true;
    return call.reverse && call.lengths && call.lengths[b] - 1 == call.first_step + t;
  }

  const Plan& plan;
  const Kernels<T>& kernels;
  const typename Packed<T>::Matrices& packed;
  const Call<T>& call;
  Arena& arena;
  int threads;
  bool by_rows;                   // threads share the batch; else one thread steps and all share large products
  size_t weight_bytes = 0;
  ptrdiff_t chunk, block, widest = 1;
  std::vector<RowShare> shares;  // of each worker
  std::vector<uint8_t> any_restart;  // per step

 private:
  void share_rows() {
    const int parts = by_rows ? threads : 1;
    for (ptrdiff_t i = 0; i < parts; ++i) {
      const ptrdiff_t first = part(0, call.rows, i, parts);
      if (call.lengths) shares.push_back({i, parts, (call.rows - i + parts - 1) / parts});
      else shares.push_back({first, 1, part(0, call.rows, i + 1, parts) - first});
    }
  }

  void find_running() {
    if (!call.lengths) return;
    running.assign(call.steps, 0);
    ptrdiff_t t = 0;
    for (ptrdiff_t b = call.rows; b > 0; --b)
      for (; t < length(b - 1); ++t) running[t] = (int32_t)b;
  }

  void find_restarts() {
    any_restart.assign(call.steps, 0);
    if (!may_restart()) return;
    for (ptrdiff_t t = 0; t < call.steps; ++t)
      for (ptrdiff_t b = 0; b < active(t) && !any_restart[t]; ++b) any_restart[t] = restarts(t, b);
  }

  std::vector<int32_t> running;
};

}  // namespace keepgate
