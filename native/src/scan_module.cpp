// Scans for Python: the two passes, on buffers that are set by name. They are addresses of memory that the caller owns
// and whose shapes it has checked (keepgate/scan/checks.py).
#include <nanobind/nanobind.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "keepgate/scan.h"
#include "packed.h"
#include "pool.h"
#include "scan_buffers.h"
#include "sequences.h"
#include "tuning.h"

namespace nb = nanobind;

namespace keepgate {
namespace {

// Networks of one kind: a single one has all threads, a population shares them network by network.
template <class F> void each(size_t count, int threads, const F& run) {
  if (count == 1) return run(0, Pool::shared(), threads);
  Pool::shared().run(threads, [&](int thread) {
    static thread_local Pool alone;  // never starts a thread
    for (size_t i = thread; i < count; i += threads) run(i, alone, 1);
  });
}

// The buffers of network `number` of a scan.
class PopulationMember {
 public:
  PopulationMember(const Scan& scan, size_t number) : scan_(scan), number_(number) {}

  template <class T> void set(T*& to, uintptr_t Buffers::*buffer) const {
    to = reinterpret_cast<T*>(scan_.*buffer + number_ * (scan_.strides.*buffer));
  }
  template <class T> void set(std::vector<T*>& to, Addresses Buffers::*list) const {
    const Addresses &addresses = scan_.*list, &strides = scan_.strides.*list;
    to.resize(addresses.size());
    for (size_t i = 0; i < to.size(); ++i)
      to[i] = reinterpret_cast<T*>(addresses[i] + (number_ ? number_ * strides.at(i) : 0));
  }

 private:
  const Scan& scan_;
  const size_t number_;
};

template <class T> using Weights = std::vector<std::shared_ptr<const Packed<T>>>;

// Pack the weights of each network, or once those that all share.
template <class T> Weights<T> pack(const Plan& plan, const Scan& scan, KeptOfLayer* kept, bool forward, bool backward) {
  bool shared = true;
  for (const auto* strides : {&scan.strides.weights, &scan.strides.biases})
    for (uintptr_t stride : *strides) shared &= stride == 0;
  Weights<T> weights(shared ? 1 : scan.networks);
  each(weights.size(), scan.threads, [&](size_t i, Pool& pool, int threads) {
    const PopulationMember member(scan, i);
    using Places = std::vector<const T*>;
    Places blocks, biases;
    member.set(blocks, &Buffers::weights);
    member.set(biases, &Buffers::biases);
    const auto packed = [&](const Places& blocks, const Places& biases) {
      return std::make_shared<const Packed<T>>(plan, kernels<T>(), blocks.data(), biases.data(), forward, backward,
                                               pool, threads, (Storage)scan.storage);
    };
    weights[i] = kept ? kept->of<T>().weights.get(plan, kernels<T>(), blocks, biases, pool, threads, packed)
                      : packed(blocks, biases);
  });
  return weights;
}

// Let initial states without an address be zero.
template <class T> Buffer<T> set_zeros(const Plan& plan, Call<T>& call) {
  Buffer<T> zeros;
  for (size_t s = 0; s < call.initial.size(); ++s) {
    if (call.initial[s]) continue;
    if (!zeros.get()) {
      const size_t size = call.rows * *std::max_element(plan.state_widths.begin(), plan.state_widths.end());
      zeros = Buffer<T>(size);
      std::fill_n(zeros.get(), size, T(0));
    }
    call.initial[s] = zeros.get();
  }
  return zeros;
}

// Copy the first state of every step to where both directions lie side by side.
template <class T> void join(const Plan& plan, const Scan& scan, const Call<T>& call, Pool& pool, int threads) {
  const size_t bytes = plan.state_widths[0] * sizeof(T);
  const auto* const from = reinterpret_cast<const char*>(call.states[0]) + (call.reverse ? 0 : call.rows * bytes);
  auto* const to = reinterpret_cast<char*>(scan.output);
  const ptrdiff_t rows = call.steps * call.rows;
  if (rows * bytes < tuning::kCopyBytes) threads = 1;
  pool.run(threads, [&](int i) {
    for (ptrdiff_t row = rows * i / threads; row < rows * (i + 1) / threads; ++row)
      std::copy_n(from + row * bytes, bytes, to + row * scan.output_stride);
  });
}

// Run `pass` for the call of each network.
template <class T, class F> void run(const Plan& plan, const Scan& scan, const Weights<T>& weights, const F& pass) {
  each(scan.networks, scan.threads, [&](size_t i, Pool& pool, int threads) {
    const PopulationMember member(scan, i);
    Call<T> call{};
    call.steps = scan.steps;
    call.rows = scan.rows;
    call.segment = scan.segment;
    call.reverse = scan.reverse;
    call.training = scan.training;
    call.rings = scan.rings;
    call.keys = scan.keys;
#define KEEPGATE_SET(name) member.set(call.name, &Buffers::name);
    KEEPGATE_SET(x)
    KEEPGATE_SET(lengths)
    KEEPGATE_SET(reset)
    KEEPGATE_SET(row_numbers)
    KEEPGATE_SET(initial)
    KEEPGATE_SET(step_inputs)
    KEEPGATE_SET(vectors)
    KEEPGATE_SET(states)
    KEEPGATE_SET(tape)
    KEEPGATE_SET(checkpoints)
    KEEPGATE_SET(d_states)
    KEEPGATE_SET(d_final)
    KEEPGATE_SET(dx)
    KEEPGATE_SET(d_initial)
    KEEPGATE_SET(d_step_inputs)
    KEEPGATE_SET(d_weights)
    KEEPGATE_SET(d_biases)
    KEEPGATE_SET(d_vectors)
#undef KEEPGATE_SET
    call.d_restart = call.d_initial;
    const Buffer<T> zeros = set_zeros(plan, call);
    pass(member, call, *weights[weights.size() == 1 ? 0 : i], pool, threads);
  });
}

template <class T> void forward_of(const Plan& plan, const Scan& scan, KeptOfLayer* kept) {
  run<T>(plan, scan, pack<T>(plan, scan, kept, true, false), [&](const PopulationMember& member, Call<T>& call,
                                                           const Packed<T>& packed, Pool& pool, int threads) {
    std::vector<T*> final;
    member.set(final, &Buffers::final);
    if (call.segment) {
      forward_in_segments(plan, kernels<T>(), packed, call, pool, threads);
      const ptrdiff_t last = (call.steps + call.segment - 1) / call.segment;  // checkpoint
      for (size_t s = 0; s < final.size(); ++s) {
        if (!call.rings[s]) continue;  // all its steps are there, which checkpoints of rows that have ended are not
        const ptrdiff_t size = call.rows * plan.state_widths[s];
        std::copy_n(call.checkpoints[s] + last * size, size, final[s]);
        final[s] = nullptr;
      }
    } else {
      begin(plan, call, call.initial);
      forward(plan, kernels<T>(), packed, call, pool, threads);
    }
    final_states(plan, call, final);
    if (scan.output) join(plan, scan, call, pool, threads);
  });
}

template <class T> void backward_of(const Plan& plan, const Scan& scan) {
  const auto& walk = scan.segment ? backward_in_segments<T> : backward<T>;
  run<T>(plan, scan, pack<T>(plan, scan, nullptr, scan.segment, true), [&](const PopulationMember&, Call<T>& call,
                                                                  const Packed<T>& packed, Pool& pool, int threads) {
    // The walk writes it all, but of a cell that does not read x.
    if (call.dx && plan.x.empty() && plan.x_value < 0)
      std::fill_n(call.dx, call.steps * call.rows * plan.input_size, T(0));
    walk(plan, kernels<T>(), packed, call, pool, threads);
  });
}

template <class Class, class Field> void define_field(Class& c, const char* name, Field Class::Type::*field) {
  c.def_prop_rw(name, nullptr, [field](typename Class::Type& self, Field value) { self.*field = std::move(value); });
}

template <class F> void without_gil(const Scan& scan, const F& run) {
  const auto& plan = nb::cast<const Plan&>(scan.plan);
  nb::gil_scoped_release release;
  run(plan);
}

void run_backward(const Plan& plan, const Scan& scan) {
  scan.wide ? backward_of<double>(plan, scan) : backward_of<float>(plan, scan);
}

}  // namespace

void run_forward(const Plan& plan, const Scan& scan, KeptOfLayer* kept) {
  scan.wide ? forward_of<double>(plan, scan, kept) : forward_of<float>(plan, scan, kept);
}

void define_scan(nb::module_& m) {
  nb::class_<Buffers> buffers(m, "Buffers");
  buffers.def(nb::init<>());
#define KEEPGATE_DEFINE(name) define_field(buffers, #name, &Buffers::name);
  KEEPGATE_BUFFERS(KEEPGATE_DEFINE)
  KEEPGATE_LISTS(KEEPGATE_DEFINE)
#undef KEEPGATE_DEFINE
  nb::class_<Scan, Buffers> scan(m, "Scan");
  scan.def(nb::init<>());
#define KEEPGATE_DEFINE(name) define_field(scan, #name, &Scan::name);
  KEEPGATE_DEFINE(strides)
  KEEPGATE_DEFINE(networks)
  KEEPGATE_DEFINE(steps)
  KEEPGATE_DEFINE(rows)
  KEEPGATE_DEFINE(segment)
  KEEPGATE_DEFINE(wide)
  KEEPGATE_DEFINE(reverse)
  KEEPGATE_DEFINE(training)
  KEEPGATE_DEFINE(rings)
  KEEPGATE_DEFINE(keys)
  KEEPGATE_DEFINE(threads)
  KEEPGATE_DEFINE(storage)
#undef KEEPGATE_DEFINE
  scan.def_prop_rw("plan", nullptr, [](Scan& self, nb::typed<nb::object, Plan> plan) {
    nb::cast<const Plan&>(plan);  // a TypeError here, not in the call
    self.plan = std::move(plan);
  });
  m.def("forward", [](const Scan& scan) {
    without_gil(scan, [&](const Plan& plan) { run_forward(plan, scan, nullptr); });
  });
  m.def("backward", [](const Scan& scan) {
    without_gil(scan, [&](const Plan& plan) { run_backward(plan, scan); });
  });
}

}  // namespace keepgate
