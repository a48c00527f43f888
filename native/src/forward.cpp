#include "forward.h"

namespace keepgate {

template <class T>
void forward(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call, Pool& pool,
             int threads) {
  ClearArena clear;
  Team<T> team(plan, kernels, packed, call, pool, threads, true);
  const Pass<T>& pass = team.pass;
  const bool apart = pass.by_rows || team.parts > 1;  // each worker makes its own products of x
  auto origin_of = [&](ptrdiff_t done, ptrdiff_t here) { return call.reverse ? call.steps - done - here : done; };
  auto walk = [&](ForwardWorker<T>& worker, ptrdiff_t origin, ptrdiff_t here) {
    if (apart) worker.hoist(origin, origin + here, origin);
    else pool.run(pass.threads, [&](int i) {
      ForwardWorker<T> helper(worker);
      helper.hoist(part(origin, origin + here, i, pass.threads), part(origin, origin + here, i + 1, pass.threads), origin);
    });
    for (ptrdiff_t i = 0; i < here; ++i) worker.step(call.reverse ? origin + here - 1 - i : origin + i, origin);
  };
  auto each_chunk = [&](auto run) {
    for (ptrdiff_t done = 0; done < call.steps; done += pass.chunk) {
      const ptrdiff_t here = std::min(pass.chunk, call.steps - done);
      run(origin_of(done, here), here);
    }
  };
  const int workers = (int)team.workers.size();
  if (!team.moving)
    return pool.run(workers, [&](int i) {
      each_chunk([&](ptrdiff_t origin, ptrdiff_t here) { walk(team.workers[i], origin, here); });
    });
  each_chunk([&](ptrdiff_t origin, ptrdiff_t here) {
    const std::vector<ptrdiff_t> bounds = pass.cut(origin, origin + here);
    pool.run(workers, [&](int i) {
      team.workers[i].take(bounds[i], bounds[i + 1]);
      walk(team.workers[i], origin, here);
    });
  });
}

template void forward<float>(const Plan&, const Kernels<float>&, const Packed<float>&, const Call<float>&, Pool&, int);
template void forward<double>(const Plan&, const Kernels<double>&, const Packed<double>&, const Call<double>&, Pool&, int);

}  // namespace keepgate
