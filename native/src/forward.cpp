#include "forward.h"

namespace keepgate {

template <class T>
void forward(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call, Pool& pool,
             int threads) {
  ScopedArena arena;
  Workers<T> all(plan, kernels, packed, call, arena, threads, true);
  const CallPlan<T>& pass = all.pass;
  const bool apart = pass.by_rows || all.parts > 1;  // each worker makes its own products of x
  auto origin_of = [&](ptrdiff_t done, ptrdiff_t here) { return call.reverse ? call.steps - done - here : done; };
  auto walk = [&](ForwardWorker<T>& worker, ptrdiff_t origin, ptrdiff_t here) {
    if (apart) worker.hoist(origin, origin + here, origin);
    else pool.run(pass.threads, [&](int i) {
      ForwardWorker<T> helper(worker);
      const ptrdiff_t end = origin + here;
      helper.hoist(part(origin, end, i, pass.threads), part(origin, end, i + 1, pass.threads), origin);
    });
    for (ptrdiff_t i = 0; i < here; ++i) worker.step(call.reverse ? origin + here - 1 - i : origin + i, origin);
  };
  auto each_chunk = [&](auto run) {
    for (ptrdiff_t done = 0; done < call.steps; done += pass.chunk) {
      const ptrdiff_t here = std::min(pass.chunk, call.steps - done);
      run(origin_of(done, here), here);
    }
  };
  const int workers = (int)all.workers.size();
  if (!all.moving)
    return pool.run(workers, [&](int i) {
      each_chunk([&](ptrdiff_t origin, ptrdiff_t here) { walk(all.workers[i], origin, here); });
    });
  each_chunk([&](ptrdiff_t origin, ptrdiff_t here) {
    const std::vector<ptrdiff_t> bounds = pass.cut(origin, origin + here);
    pool.run(workers, [&](int i) {
      all.workers[i].take(bounds[i], bounds[i + 1]);
      walk(all.workers[i], origin, here);
    });
  });
}

#define KEEPGATE_OF(T) \
  template void forward<T>(const Plan&, const Kernels<T>&, const Packed<T>&, const Call<T>&, Pool&, int);
KEEPGATE_OF(float)
KEEPGATE_OF(double)

}  // namespace keepgate
