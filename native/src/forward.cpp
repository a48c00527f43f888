#include "worker.h"

namespace keepgate {
namespace {

constexpr ptrdiff_t kHoistBytes = 1 << 19;   // products of x that wait in the cache for their steps, per thread
constexpr ptrdiff_t kHoistRows = 8;          // from here on, x is multiplied step by step, with the states: no detour

template <class T> class ForwardWorker : public Worker<T> {
 public:
  ForwardWorker(const Pass<T>& pass, ptrdiff_t first, ptrdiff_t last) : Worker<T>(pass, first, last) {
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
    for (const auto& stage : plan.forward)
      for (const Bundle& bundle : stage.bundles) {
        const ptrdiff_t padded = width_of(bundle);
        bool hoisted = false;
        for (const Term& term : bundle.terms) hoisted |= term.hoisted;
        hoisted &= rows < kHoistRows;
        hoists.push_back(hoisted ? arena.take<T>(pass.chunk * rows * padded) : nullptr);
      }
    for (size_t s = 0; s < plan.state_widths.size(); ++s)
      afresh.push_back(call.reset || (call.reverse && call.lengths) ? arena.take<T>(call.rows * plan.state_widths[s])
                                                                    : nullptr);
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
          segments.clear();
          panels.clear();
          for (size_t i = 0; i < bundle.terms.size(); ++i)
            if (bundle.terms[i].hoisted)
              segments.push_back({call.x + (t * call.rows + first) * plan.input_size, plan.input_size,
                                  packed.terms[i].get(), plan.input_size});
          this->panels_to(hoists[hoist] + (t - origin) * rows * padded, padded, padded);
          this->multiply(segments, packed.bias.get(), 0, count);
        }
    }
  }

  void step(ptrdiff_t t, ptrdiff_t origin) {
    const ptrdiff_t count = active(t);
    this->set_time(t);
    if (pass.any_fresh[t]) this->gather_last(t, count, afresh);
    this->draw(t, count);
    size_t hoist = 0;
    for (size_t s = 0; s < plan.forward.size(); ++s) {
      const Stage& stage = plan.forward[s];
      for (size_t b = 0; b < stage.bundles.size(); ++b, ++hoist)
        run_bundle(stage.bundles[b], pass.packed.forward[s][b], hoists[hoist], t - origin, count);
      this->run_rows(stage, count);
    }
    finish(t, count);
  }

 private:
  using Worker<T>::pass, Worker<T>::plan, Worker<T>::call, Worker<T>::kernels, Worker<T>::first, Worker<T>::rows;
  using Worker<T>::places, Worker<T>::panels, Worker<T>::segments;

  ptrdiff_t active(ptrdiff_t t) const { return std::clamp<ptrdiff_t>(pass.active(t) - first, 0, rows); }
  ptrdiff_t width_of(const Bundle& bundle) const {
    return (ptrdiff_t)panels_of(bundle.width, kernels.panel) * kernels.panel * bundle.targets.size();
  }

  void run_bundle(const Bundle& bundle, const PackedBundle<T>& packed, const T* hoisted, ptrdiff_t step, ptrdiff_t count) {
    segments.clear();
    panels.clear();
    for (const bool of_x : {true, false}) {  // x first, as where it is hoisted: the sums have one order
      if (of_x && hoisted) continue;
      for (size_t i = 0; i < bundle.terms.size(); ++i) {
        const Term& term = bundle.terms[i];
        if (term.hoisted != of_x) continue;
        const Place<T>& source = places[term.source];
        segments.push_back({source.base, source.stride, packed.terms[i].get(), plan.block_columns[term.block]});
      }
    }
    for (int target : bundle.targets) this->panels_to(places[target].base, places[target].stride, bundle.width);
    const ptrdiff_t padded = width_of(bundle);
    if (hoisted) this->multiply(segments, hoisted + step * rows * padded, padded, count);
    else this->multiply(segments, packed.bias.get(), 0, count);
  }

  void finish(ptrdiff_t t, ptrdiff_t count) {
    const ptrdiff_t at = after(call.reverse, t);
    for (int s : copies) {
      const Place<T>& from = places[plan.new_values[s]];
      const ptrdiff_t width = plan.state_widths[s];
      T* to = this->state(s, at) + first * width;
      for (ptrdiff_t r = 0; r < count; ++r)
        std::memcpy(to + r * width, from.base + r * from.stride, width * sizeof(T));
    }
    if (count < rows && !call.rings[0]) {  // the output of rows that have ended is zero
      const ptrdiff_t width = plan.state_widths[0];
      std::memset(this->state(0, at) + (first + count) * width, 0, (rows - count) * width * sizeof(T));
    }
  }

  std::vector<int> copies;
  std::vector<T*> hoists, afresh;
};

}  // namespace

template <class T>
void forward(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call, Pool& pool,
             int threads) {
  ClearArena clear;
  ptrdiff_t hoisted = 1;
  for (const Stage& stage : plan.forward)
    for (const Bundle& bundle : stage.bundles) hoisted += bundle.width * bundle.targets.size();
  const ptrdiff_t fit = threads * kHoistBytes / (hoisted * (ptrdiff_t)sizeof(T));
  Pass<T> pass(plan, kernels, packed, call, pool, threads, std::min(kChunkRows, fit));
  std::vector<ForwardWorker<T>> workers;
  workers.reserve(pass.bounds.size());
  for (size_t i = 0; i + 1 < pass.bounds.size(); ++i) workers.emplace_back(pass, pass.bounds[i], pass.bounds[i + 1]);
  const ptrdiff_t steps = call.steps;
  auto walk = [&](ForwardWorker<T>& worker, bool hoist) {
    for (ptrdiff_t done = 0; done < steps; done += pass.chunk) {
      const ptrdiff_t here = std::min(pass.chunk, steps - done), origin = call.reverse ? steps - done - here : done;
      if (hoist) worker.hoist(origin, origin + here, origin);
      else pool.run(pass.threads, [&](int i) {
        ForwardWorker<T> helper(worker);
        helper.hoist(part(origin, origin + here, i, pass.threads), part(origin, origin + here, i + 1, pass.threads), origin);
      });
      for (ptrdiff_t i = 0; i < here; ++i) worker.step(call.reverse ? origin + here - 1 - i : origin + i, origin);
    }
  };
  if (pass.by_rows) pool.run((int)workers.size(), [&](int i) { walk(workers[i], true); });
  else walk(workers[0], pass.threads == 1);
}

template void forward<float>(const Plan&, const Kernels<float>&, const Packed<float>&, const Call<float>&, Pool&, int);
template void forward<double>(const Plan&, const Kernels<double>&, const Packed<double>&, const Call<double>&, Pool&, int);

}  // namespace keepgate
