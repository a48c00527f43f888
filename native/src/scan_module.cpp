// Scans for Python: the two passes, on buffers that are set by name. They are addresses of memory that the caller owns
// and whose shapes it has checked (keepgate/scan/checks.py).
#include <nanobind/nanobind.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "keepgate/scan.h"
#include "kept_weights.h"
#include "module.h"
#include "packed.h"
#include "pool.h"
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

// The buffers of a scan, by the names that `Call` has for them: an address each, 0 where there is none. Beyond those of
// `Call`: an initial state without an address is zero; `final` are the final states, per state [B, W]; `output` is
// where the rows of the first state of every step are copied to, `output_stride` bytes from row to row.
#define KEEPGATE_BUFFERS(X) X(x) X(lengths) X(reset) X(row_numbers) X(output) X(dx)
#define KEEPGATE_LISTS(X)                                                                                     \
  X(weights) X(biases) X(initial) X(step_inputs) X(vectors) X(states) X(tape) X(checkpoints) X(final)         \
  X(d_states) X(d_final) X(d_initial) X(d_step_inputs) X(d_weights) X(d_biases) X(d_vectors)

struct Buffers {
#define KEEPGATE_FIELD(name) uintptr_t name = 0;
  KEEPGATE_BUFFERS(KEEPGATE_FIELD)
#undef KEEPGATE_FIELD
#define KEEPGATE_FIELD(name) Addresses name;
  KEEPGATE_LISTS(KEEPGATE_FIELD)
#undef KEEPGATE_FIELD
};

// A scan of a network, or of a population: what both passes take, set by name from Python. `strides` says for each
// buffer how many bytes further on that of the next network lies (0: all share it).
struct Scan : Buffers {
  nb::object plan, kept;  // `kept`: where packed weights are kept for the next call, or none
  Buffers strides;
  size_t networks = 1;
  ptrdiff_t steps = 0, rows = 0, segment = 0, output_stride = 0;
  bool wide = false, reverse = false, training = false;  // `wide`: of float64
  std::vector<bool> rings;
  std::vector<uint32_t> keys;
  int threads = 1, storage = 0;
};

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

// What is kept of one layer in one direction.
struct KeptOfLayer {
  KeptWeights<float> f32;
  KeptWeights<double> f64;
  template <class T> KeptWeights<T>& of() {
    if constexpr (std::is_same_v<T, float>) return f32;
    else return f64;
  }
};

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
    weights[i] = kept ? kept->of<T>().get(plan, kernels<T>(), blocks, biases, packed) : packed(blocks, biases);
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

template <class T> void run_forward(const Plan& plan, const Scan& scan, KeptOfLayer* kept) {
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

template <class T> void run_backward(const Plan& plan, const Scan& scan) {
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

template <class F> void run_all(const std::vector<const Scan*>& scans, const F& run) {
  std::vector<const Plan*> plans;
  std::vector<KeptOfLayer*> kept;
  for (const Scan* scan : scans) {
    plans.push_back(nb::cast<const Plan*>(scan->plan));
    kept.push_back(scan->kept.is_valid() ? nb::cast<KeptOfLayer*>(scan->kept) : nullptr);
  }
  nb::gil_scoped_release release;
  for (size_t i = 0; i < scans.size(); ++i) run(*plans[i], *scans[i], kept[i]);
}

}  // namespace

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
  KEEPGATE_DEFINE(output_stride)
  KEEPGATE_DEFINE(wide)
  KEEPGATE_DEFINE(reverse)
  KEEPGATE_DEFINE(training)
  KEEPGATE_DEFINE(rings)
  KEEPGATE_DEFINE(keys)
  KEEPGATE_DEFINE(threads)
  KEEPGATE_DEFINE(storage)
#undef KEEPGATE_DEFINE
  nb::class_<KeptOfLayer>(m, "KeptWeights").def(nb::init<>());
  scan.def_prop_rw("kept", nullptr, [](Scan& self, nb::typed<nb::object, KeptOfLayer> kept) {
    nb::cast<KeptOfLayer&>(kept);
    self.kept = std::move(kept);
  });
  scan.def_prop_rw("plan", nullptr, [](Scan& self, nb::typed<nb::object, Plan> plan) {
    nb::cast<const Plan&>(plan);  // a TypeError here, not in the call
    self.plan = std::move(plan);
  });
  // One pass after the other: of several, each may read what the one before wrote.
  m.def("forward", [](const std::vector<const Scan*>& scans) {
    run_all(scans, [](const Plan& plan, const Scan& scan, KeptOfLayer* kept) {
      scan.wide ? run_forward<double>(plan, scan, kept) : run_forward<float>(plan, scan, kept);
    });
  });
  m.def("backward", [](const std::vector<const Scan*>& scans) {
    run_all(scans, [](const Plan& plan, const Scan& scan, KeptOfLayer*) {
      scan.wide ? run_backward<double>(plan, scan) : run_backward<float>(plan, scan);
    });
  });
}

}  // namespace keepgate
