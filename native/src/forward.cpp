#include "forward.h"

namespace keepgate {

template <class T>
void forward(const Plan& plan, const Kernels<T>& kernels, const Packed<T>& packed, const Call<T>& call, Pool& pool,
             int threads) {
  ScopedArena arena;
  Workers<T> all(plan, kernels, packed, call, arena, threads, true);
  const CallPlan<T>& pass = all.pass;
  const bool apart = pass.by_rows || all.parts > 1;  // each worker makes its own products of x
  pool.run((int)all.workers.size(), [&](int number) {
    ForwardWorker<T>& worker = all.workers[number];
    for (ptrdiff_t done = 0; done < call.steps; done += pass.chunk) {
      const ptrdiff_t here = std::min(pass.chunk, call.steps - done);
      const ptrdiff_t origin = call.reverse ? call.steps - done - here : done, end = origin + here;
      if (apart) worker.hoist(origin, end, origin);
      else pool.run(pass.threads, [&](int i) {
        ForwardWorker<T> helper(worker);
        helper.hoist(part(origin, end, i, pass.threads), part(origin, end, i + 1, pass.threads), origin);
      });
      for (ptrdiff_t i = 0; i < here; ++i) worker.step(call.reverse ? end - 1 - i : origin + i, origin);
    }
  });
}

#define KEEPGATE_OF(T) \
  template void forward<T>(const Plan&, const Kernels<T>&, const Packed<T>&, const Call<T>&, Pool&, int);
KEEPGATE_OF(float)
KEEPGATE_OF(double)

}  // namespace keepgate
