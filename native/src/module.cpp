// The Python face: plans, packed weights and the two passes, on addresses of buffers that the caller owns. Shapes are
// checked by the caller (keepgate/native/engine.py), which alone uses this module.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <memory>
#include <string>
#include <tuple>

#include "keepgate/scan.h"
#include "keepgate/stepper.h"
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

// From the addresses of buffers of the first network of a population, and how many bytes further on those of the next
// one lie, to pointers to those of network `number`; buffers that all share lie 0 bytes further on.
class PopulationPointers {
 public:
  explicit PopulationPointers(size_t number) : number(number) {}

  template <class T> void set(T*& to, uintptr_t address, uintptr_t stride) const {
    to = reinterpret_cast<T*>(address + number * stride);
  }
  template <class T> void set(std::vector<T*>& to, const Addresses& addresses, const Addresses& strides) const {
    to.resize(addresses.size());
    for (size_t i = 0; i < to.size(); ++i) set(to[i], addresses[i], strides[i]);
  }
  template <class Row, class... To> void set_all(const Row& addresses, const Row& strides, To&... to) const {
    set_each(std::index_sequence_for<To...>{}, addresses, strides, to...);
  }

 private:
  const size_t number;

  template <size_t... I, class Row, class... To>
  void set_each(std::index_sequence<I...>, const Row& addresses, const Row& strides, To&... to) const {
    (set(to, std::get<I>(addresses), std::get<I>(strides)), ...);
  }
};

// The weights of each network, or one for all.
template <class T> struct Weights {
  Weights() = default;
  Weights(const Weights&) = delete;
  std::vector<std::unique_ptr<Packed<T>>> packed;
};
using WeightAddresses = std::tuple<Addresses, Addresses>;

template <class T>
Weights<T>* pack(const Plan& plan, size_t count, const WeightAddresses& at, const WeightAddresses& strides, bool forward,
                 bool backward, int threads, int storage) {
  nb::gil_scoped_release release;
  auto all = std::make_unique<Weights<T>>();
  all->packed.resize(count);
  each(count, threads, [&](size_t i, Pool& pool, int threads) {
    std::vector<const T*> weights, biases;
    PopulationPointers(i).set_all(at, strides, weights, biases);
    all->packed[i] = std::make_unique<Packed<T>>(plan, kernels<T>(), weights.data(), biases.data(), forward, backward,
                                                 pool, threads, (Storage)storage);
  });
  return all.release();
}

// What both passes take: (networks, steps, rows, reverse, training, segment, rings, keys), then addresses.
using Shape = std::tuple<size_t, ptrdiff_t, ptrdiff_t, bool, bool, ptrdiff_t, std::vector<bool>, std::vector<uint32_t>>;
using Inputs = std::tuple<uintptr_t, Addresses, uintptr_t, uintptr_t, uintptr_t, Addresses, Addresses, Addresses,
                          Addresses, Addresses>;
using Gradients = std::tuple<Addresses, Addresses, uintptr_t, Addresses, Addresses, Addresses, Addresses, Addresses>;

// Run `pass` for the call of each network.
template <class T, class F>
void run(const Weights<T>& weights, const Shape& shape, const Inputs& at, const Inputs& strides, int threads, const F& pass) {
  nb::gil_scoped_release release;
  each(std::get<0>(shape), threads, [&](size_t i, Pool& pool, int threads) {
    Call<T> call{};
    std::tie(std::ignore, call.steps, call.rows, call.reverse, call.training, call.segment, call.rings, call.keys) = shape;
    PopulationPointers(i).set_all(at, strides, call.x, call.initial, call.lengths, call.reset, call.row_numbers, call.step_inputs,
                       call.vectors, call.states, call.tape, call.checkpoints);
    pass(i, call, *weights.packed[weights.packed.size() == 1 ? 0 : i], pool, threads);
  });
}

template <class T>
void run_forward(const Plan& plan, const Weights<T>& weights, const Shape& shape, const Inputs& at, const Inputs& strides,
                 int threads) {
  run(weights, shape, at, strides, threads, [&](size_t, Call<T>& call, const Packed<T>& packed, Pool& pool, int threads) {
    if (call.segment) return forward_in_segments(plan, kernels<T>(), packed, call, pool, threads);
    begin(plan, call, call.initial);
    forward(plan, kernels<T>(), packed, call, pool, threads);
  });
}

template <class T>
void run_backward(const Plan& plan, const Weights<T>& weights, const Shape& shape, const Inputs& at, const Inputs& strides,
                  const Gradients& gradients, const Gradients& gradient_strides, int threads) {
  run(weights, shape, at, strides, threads, [&](size_t i, Call<T>& call, const Packed<T>& packed, Pool& pool, int threads) {
    PopulationPointers(i).set_all(gradients, gradient_strides, call.d_states, call.d_final, call.dx, call.d_initial,
                       call.d_step_inputs, call.d_weights, call.d_biases, call.d_vectors);
    call.d_restart = call.d_initial;
    const auto& walk = call.segment ? backward_in_segments<T> : backward<T>;
    walk(plan, kernels<T>(), packed, call, pool, threads);
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

template <class T>
void define(nb::module_& m, const char* packed, const char* pack_name, const char* function_name) {
  nb::class_<Weights<T>>(m, packed);
  m.def(pack_name, pack<T>, nb::rv_policy::take_ownership);
  m.def("forward", run_forward<T>);
  m.def("backward", run_backward<T>);
  m.def(function_name, [](int op, uintptr_t from, uintptr_t to, ptrdiff_t count) {
    const Instruction code{(Op)op, 1, {0, 0, 0}, (int32_t)count};
    const StridedView<T> places[] = {{reinterpret_cast<T*>(from), count}, {reinterpret_cast<T*>(to), count}};
    kernels<T>().elementwise(&code, 1, places, 0, 1);
  });
}

}  // namespace

NB_MODULE(_core, m) {
  nb::set_leak_warnings(false);  // engines are cached for the life of the process
  nb::class_<Plan>(m, "Plan").def("__init__", [](Plan* self, const nb::dict& d) { new (self) Plan(plan(d)); });
  define<float>(m, "PackedSingle", "pack_single", "function_single");
  define<double>(m, "PackedDouble", "pack_double", "function_double");
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
  m.def("room", [](size_t bytes) {
    auto block = std::make_unique<Buffer<uint8_t>>(bytes);
    nb::capsule owner(block.get(), [](void* held) noexcept { delete static_cast<Buffer<uint8_t>*>(held); });
    uint8_t* const room = block.release()->get();
    return nb::ndarray<nb::numpy, uint8_t, nb::ndim<1>>(room, {bytes}, owner);
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
