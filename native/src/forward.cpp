#include "forward.h"

namespace keepgate {

template <class T>
void forward(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call, Pool& pool,
             int threads) {
  ClearArena clear;
  Team<T> team(plan, kernels, packed, call, pool, threads, true);
  const Pass<T>& pass = team.pass;
  const ptrdiff_t steps = call.steps;
  const bool apart = pass.by_rows || team.parts > 1;  // each worker makes its own products of x
  pool.run((int)team.workers.size(), [&](int number) {
    ForwardWorker<T>& worker = team.workers[number];
    for (ptrdiff_t done = 0; done < steps; done += pass.chunk) {
      const ptrdiff_t here = std::min(pass.chunk, steps - done), origin = call.reverse ? steps - done - here : done;
      if (apart) worker.hoist(origin, origin + here, origin);
      else pool.run(pass.threads, [&](int i) {
        ForwardWorker<T> helper(worker);
        helper.hoist(part(origin, origin + here, i, pass.threads), part(origin, origin + here, i + 1, pass.threads), origin);
      });
      for (ptrdiff_t i = 0; i < here; ++i) worker.step(call.reverse ? origin + here - 1 - i : origin + i, origin);
    }
  });
}

template void forward<float>(const Plan&, const Kernels<float>&, const Packed<float>&, const Call<float>&, Pool&, int);
template void forward<double>(const Plan&, const Kernels<double>&, const Packed<double>&, const Call<double>&, Pool&, int);

}  // namespace keepgate
