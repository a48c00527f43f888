// The Python face: plans, scans and steppers, on addresses of buffers that the caller owns and whose shapes it has
// checked (keepgate/scan/checks.py).
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>

#include "keepgate/scan.h"
#include "keepgate/stepper.h"
#include "kept_weights.h"
#include "objectives_module.h"
#include "packed.h"
#include "openmp.h"
#include "pool.h"
#include "predictor_module.h"
#include "sequences.h"
#include "sets.h"
#include "tuning.h"

namespace nb = nanobind;

namespace keepgate {

#define KEEPGATE_DECLARE(name) namespace name { extern const InstructionSet instruction_set; }
KEEPGATE_FOR_SETS(KEEPGATE_DECLARE)

namespace {

#define KEEPGATE_ADDRESS(name) &name::instruction_set,
const InstructionSet* const kSets[] = {KEEPGATE_FOR_SETS(KEEPGATE_ADDRESS)};  // fastest first

const InstructionSet* chosen = nullptr;

template <class T> const Kernels<T>& kernels();
template <> const Kernels<float>& kernels<float>() { return *chosen->f32; }
template <> const Kernels<double>& kernels<double>() { return *chosen->f64; }

using Ints = std::vector<int32_t>;
using Addresses = std::vector<uintptr_t>;
using ValueRow = std::tuple<int, int, int, double>;
using TermRow = std::tuple<int, int, int, bool, Ints, Ints>;
using BundleRow = std::tuple<int, Ints, std::vector<TermRow>>;
using TransposedRow = std::tuple<int, int, int, Ints, Ints>;
using InstructionRow = std::tuple<int, int, Ints, int>;
using StageRow = std::tuple<std::vector<BundleRow>, std::vector<TransposedRow>, std::vector<InstructionRow>>;
using OutersRow = std::tuple<int, int, int, Ints, Ints, Ints>;

Transposed transposed(const TransposedRow& row) {
  const auto& [target, width, block, deltas, rows] = row;
  return {target, width, block, deltas, rows};
}

Stage stage(const StageRow& from) {
  Stage stage;
  for (const auto& [width, targets, terms] : std::get<0>(from)) {
    Bundle bundle{width, targets, {}};
    for (const auto& [source, block, bias_block, hoisted, rows, biases] : terms)
      bundle.terms.push_back({source, block, bias_block, hoisted, rows, biases});
    stage.bundles.push_back(std::move(bundle));
  }
  for (const auto& row : std::get<1>(from)) stage.transposed.push_back(transposed(row));
  for (const auto& [op, target, args, width] : std::get<2>(from))
    stage.ops.push_back({(Op)op, target, {args.at(0), args.at(1), args.at(2)}, width});
  return stage;
}

// Reads the dictionary that keepgate/native/plan.py writes.
Plan plan(const nb::dict& d) {
  Plan plan;
  for (const auto& [kind, width, slot, number] : nb::cast<std::vector<ValueRow>>(d["values"]))
    plan.values.push_back({(Kind)kind, width, slot, number});
  plan.state_widths = nb::cast<Ints>(d["state_widths"]);
  plan.input_size = nb::cast<int>(d["input_size"]);
  plan.block_rows = nb::cast<Ints>(d["block_rows"]);
  plan.block_columns = nb::cast<Ints>(d["block_columns"]);
  plan.vector_widths = nb::cast<Ints>(d["vector_widths"]);
  plan.step_input_widths = nb::cast<Ints>(d["step_input_widths"]);
  plan.new_values = nb::cast<Ints>(d["new_values"]);
  plan.kept = nb::cast<Ints>(d["kept"]);
  for (const auto& row : nb::cast<std::vector<StageRow>>(d["forward"])) plan.forward.push_back(stage(row));
  for (const auto& row : nb::cast<std::vector<StageRow>>(d["backward"])) plan.backward.push_back(stage(row));
  plan.last_values = nb::cast<Ints>(d["last_values"]);
  for (const auto& row : nb::cast<std::vector<TransposedRow>>(d["x"])) plan.x.push_back(transposed(row));
  plan.x_value = nb::cast<int>(d["x_value"]);
  plan.step_input_values = nb::cast<Ints>(d["step_input_values"]);
  plan.vector_values = nb::cast<Ints>(d["vector_values"]);
  for (const auto& [block, source, bias_block, deltas, rows, biases] : nb::cast<std::vector<OutersRow>>(d["outers"]))
    plan.outers.push_back({block, source, bias_block, deltas, rows, biases});
  return plan;
}

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

template <class T> std::vector<T*> pointers(const Addresses& addresses) {
  std::vector<T*> result;
  for (uintptr_t address : addresses) result.push_back(reinterpret_cast<T*>(address));
  return result;
}

template <class T> using Given = nb::ndarray<const T, nb::c_contig, nb::device::cpu>;
template <class T> using Taken = nb::ndarray<T, nb::c_contig, nb::device::cpu>;

template <class T>
Stepper<T>* make_stepper(const Plan& plan, const Addresses& weights, const Addresses& biases, const Addresses& vectors,
                         ptrdiff_t rows, int threads, int storage) {
  const auto w = pointers<const T>(weights), b = pointers<const T>(biases), v = pointers<const T>(vectors);
  nb::gil_scoped_release release;
  return new Stepper<T>(plan, kernels<T>(), w.data(), b.data(), v.data(), rows, Pool::shared(), threads,
                        (Storage)storage);
}

// Rows [B, width], or [width] where there is one row; the face says what is wrong.
template <class Array> void check(const Array& array, ptrdiff_t rows, ptrdiff_t width) {
  const size_t n = array.ndim();
  const bool fits = n == 2 ? (ptrdiff_t)array.shape(0) == rows : n == 1 && rows == 1;
  if (!fits || (ptrdiff_t)array.shape(n - 1) != width) throw nb::type_error("shape");
}

template <class T>
void step(Stepper<T>& stepper, const Given<T>& x, const Taken<T>& output, const std::vector<Given<T>>& step_inputs) {
  const Plan& plan = stepper.plan;
  check(x, stepper.rows, plan.input_size);
  check(output, stepper.rows, plan.state_widths[0]);
  if (step_inputs.size() != plan.step_input_widths.size()) throw nb::type_error("step inputs");
  std::vector<const T*> given;
  for (size_t i = 0; i < step_inputs.size(); ++i) {
    check(step_inputs[i], stepper.rows, plan.step_input_widths[i]);
    given.push_back(step_inputs[i].data());
  }
  stepper.step(x.data(), given.data(), output.data());
}

// As `step`, on addresses that the caller has checked.
template <class T>
void step_at(Stepper<T>& stepper, uintptr_t x, uintptr_t output, const Addresses& step_inputs) {
  stepper.step(reinterpret_cast<const T*>(x), pointers<const T>(step_inputs).data(), reinterpret_cast<T*>(output));
}

template <class T> void define_stepper(nb::module_& m, const char* name, const char* make_name) {
  nb::class_<Stepper<T>>(m, name)
      .def("step", step<T>, nb::arg().noconvert(), nb::arg().noconvert(), nb::arg().noconvert())
      .def("step_at", step_at<T>)
      .def_prop_ro("place", &Stepper<T>::place)
      .def("state", [](Stepper<T>& stepper, int s) {
        const size_t width = stepper.plan.state_widths.at(s);
        return nb::ndarray<nb::numpy, T>(stepper.state(s), {2, (size_t)stepper.rows, width}, nb::find(stepper));
      });
  m.def(make_name, make_stepper<T>, nb::rv_policy::take_ownership, nb::keep_alive<0, 1>());
}

template <class T> void define_function(nb::module_& m, const char* name) {
  m.def(name, [](int op, uintptr_t from, uintptr_t to, ptrdiff_t count) {
    const Instruction code{(Op)op, 1, {0, 0, 0}, (int32_t)count};
    const StridedView<T> values[] = {{reinterpret_cast<T*>(from), 0, 0}, {reinterpret_cast<T*>(to), 0, 0}};
    kernels<T>().elementwise(&code, 1, values, 0, 1, true);
  });
}

}  // namespace

NB_MODULE(_core, m) {
  nb::set_leak_warnings(false);  // engines are cached for the life of the process
  nb::class_<Plan>(m, "Plan").def("__init__", [](Plan* self, const nb::dict& d) { new (self) Plan(plan(d)); });
  define_scan(m);
  define_function<float>(m, "function_single");
  define_function<double>(m, "function_double");
  define_stepper<float>(m, "StepperSingle", "stepper_single");
  define_stepper<double>(m, "StepperDouble", "stepper_double");
  define_objectives(m);
  define_predictor(m);
  m.def("bernoulli", [](uint32_t key, ptrdiff_t rows, ptrdiff_t units, uint64_t threshold, uintptr_t to) {
    Ints numbers(rows);
    for (ptrdiff_t row = 0; row < rows; ++row) numbers[row] = (int32_t)row;
    kernels<float>().bernoulli(key, 0, numbers.data(), rows, units, threshold, reinterpret_cast<float*>(to));
  });
  m.def("instruction_sets", [] {
    nb::list names;
    for (const InstructionSet* set : kSets) names.append(nb::make_tuple(set->name, set->supported()));
    return names;
  });
  // An array of float64 or float32 that is not set to anything, in memory that comes back for the next one.
  m.def("empty", [](const std::vector<size_t>& shape, bool wide) {
    const size_t bytes = wide ? sizeof(double) : sizeof(float);
    size_t count = bytes;
    for (size_t size : shape) count = product_of(count, size);
    auto block = std::make_unique<Buffer<uint8_t>>(count);
    nb::capsule owner(block.get(), [](void* held) noexcept { delete static_cast<Buffer<uint8_t>*>(held); });
    void* const memory = block.release()->get();
    return nb::ndarray<nb::numpy>(memory, shape.size(), shape.data(), owner, nullptr,
                                  wide ? nb::dtype<double>() : nb::dtype<float>());
  });
  // Row r of each of `blocks` blocks of `rows` rows of `bytes` becomes row order[r] of `from`.
  m.def("take_rows", [](uintptr_t from, uintptr_t to, uintptr_t order, ptrdiff_t blocks, ptrdiff_t rows, size_t bytes,
                        int threads) {
    const auto* const source = reinterpret_cast<const char*>(from);
    const auto* const place = reinterpret_cast<const int64_t*>(order);
    auto* const target = reinterpret_cast<char*>(to);
    nb::gil_scoped_release release;
    if (blocks * rows * bytes < tuning::kCopyBytes) threads = 1;
    Pool::shared().run(threads, [&](int i) {
      for (ptrdiff_t block = blocks * i / threads; block < blocks * (i + 1) / threads; ++block)
        for (ptrdiff_t r = 0; r < rows; ++r)
          std::copy_n(source + (block * rows + place[r]) * bytes, bytes, target + (block * rows + r) * bytes);
    });
  });
  m.def("choose_pool", [](bool of_openmp) {
    if (of_openmp) return openmp::choose();
    openmp::refuse();
    return true;
  });
  m.def("openmp_library", &openmp::library);
  m.def("choose", [](const std::string& name) {
    for (const InstructionSet* set : kSets)
      if (name == set->name && set->supported()) {
        chosen = set;
        choose_objectives(name);
        choose_predictor(*set);
        return true;
      }
    return false;
  });
}

}  // namespace keepgate
