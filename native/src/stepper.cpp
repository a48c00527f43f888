#include "keepgate/stepper.h"

#include <stdexcept>

#include "faster.h"
#include "forward.h"

namespace keepgate {

template <class T> struct Stepper<T>::Impl {
  std::shared_ptr<const Packed<T>> packed;
  Arena arena;  // of the workers and of what the call reads and writes
  Call<T> call{};
  std::unique_ptr<Workers<T>> alone, together;  // one worker; several, where the step is large enough for that
  Faster faster;
  Pool& pool;
  int place = 0;

  Impl(const Plan& plan, const Kernels<T>& kernels, std::shared_ptr<const Packed<T>> shared,
       const T* const* vectors, ptrdiff_t rows, Pool& pool, int threads)
      : packed(std::move(shared)), pool(pool) {
    const auto take = [&](ptrdiff_t width) { return arena.zeros<T>(2, rows, width); };
    call.steps = 2;  // a step goes from one place to the other
    call.rows = rows;
    call.x = take(plan.input_size);
    for (int width : plan.state_widths) call.states.push_back(take(width));
    call.rings.assign(plan.state_widths.size(), true);
    for (int width : plan.step_input_widths) call.step_inputs.push_back(take(width));
    call.vectors.assign(vectors, vectors + plan.vector_widths.size());
    const auto workers = [&](int threads) {
      return std::make_unique<Workers<T>>(plan, kernels, *packed, call, arena, threads, false);
    };
    alone = workers(1);
    if (threads > 1) together = workers(threads);
    if (together && together->workers.size() == 1) together.reset();
  }

  void step() {
    if (!together) return alone->workers[0].step(place, place);
    faster.run([this](int way) {
      if (!way) return alone->workers[0].step(place, place);
      try {
        auto& workers = together->workers;
        pool.run((int)workers.size(), [&](int i) { workers[i].step(place, place); });
      } catch (const std::runtime_error&) {  // the system starts no further thread, and nothing was done
        alone->workers[0].step(place, place);
      }
    });
  }
};

template <class T>
Stepper<T>::Stepper(const Plan& plan, const Kernels<T>& kernels, const T* const* weights, const T* const* biases,
                    const T* const* vectors, ptrdiff_t rows, Pool& pool, int threads, Storage storage)
    : Stepper(plan, kernels,
              std::make_shared<const Packed<T>>(plan, kernels, weights, biases, true, false, pool, threads, storage),
              vectors, rows, pool, threads) {}

template <class T>
Stepper<T>::Stepper(const Plan& plan, const Kernels<T>& kernels, std::shared_ptr<const Packed<T>> packed,
                    const T* const* vectors, ptrdiff_t rows, Pool& pool, int threads)
    : plan(plan), rows(rows),
      impl_(std::make_unique<Impl>(plan, kernels, std::move(packed), vectors, rows, pool, threads)) {}

template <class T> Stepper<T>::~Stepper() = default;

template <class T> void Stepper<T>::step(const T* x, const T* const* step_inputs, T* output) {
  Call<T>& call = impl_->call;
  const int place = impl_->place;
  const auto put = [&](const T* from, const T* to, ptrdiff_t width) {
    std::memcpy(const_cast<T*>(to) + place * rows * width, from, rows * width * sizeof(T));
  };
  put(x, call.x, plan.input_size);
  for (size_t i = 0; i < call.step_inputs.size(); ++i)
    put(step_inputs[i], call.step_inputs[i], plan.step_input_widths[i]);
  impl_->step();
  impl_->place = 1 - place;
  const ptrdiff_t size = rows * plan.state_widths[0];
  std::memcpy(output, call.states[0] + impl_->place * size, size * sizeof(T));
}

template <class T> T* Stepper<T>::state(int s) { return impl_->call.states[s]; }
template <class T> int Stepper<T>::place() const { return impl_->place; }

template class Stepper<float>;
template class Stepper<double>;

}  // namespace keepgate
