// Layers for Python: all layers and directions in one call on tensors of torch, where no gradient is wanted.
#include <nanobind/nanobind.h>

#include <memory>
#include <tuple>
#include <utility>
#include <vector>

#include "buffer.h"
#include "keepgate/scan.h"
#include "pool.h"
#include "scan_buffers.h"
#include "sequences.h"
#include "tensors.h"

namespace nb = nanobind;

namespace keepgate {
namespace {

// One layer in one direction: its parameters by name with their shapes; which of them is each of the core's weights,
// biases and vectors (-1: a bias that is not there).
struct Row {
  nb::object owner;
  const Plan* plan;
  std::vector<nb::object> names;
  std::vector<Shape> shapes;
  Ints weights, biases, vectors;
  std::unique_ptr<KeptOfLayer> kept;
};

// As in Row, in its order.
using RowArguments = std::tuple<nb::object, std::vector<nb::object>, std::vector<Shape>, Ints, Ints, Ints>;

// What a call is given.
struct Given {
  ptrdiff_t steps, rows;
  uintptr_t x, lengths, reset;
  uintptr_t output;                       // of one direction, memory for a step lies before it
  Addresses initial, step_inputs, final;  // initial: none where all are zeros
  int threads;
};

class Layers {
 public:
  // Rows in the order of the states; every second one is a second direction if there are 2 `directions`. `hold`: the
  // weights are those of the first call. `storage`: of packed weights; see kernels.h.
  Layers(nb::typed<nb::object, TensorReader> reader, nb::typed<nb::object, TensorMaker> maker, bool wide,
         int directions, std::vector<RowArguments> rows, bool hold, int storage)
      : reader_(std::move(reader)), maker_(std::move(maker)), wide_(wide), directions_(directions), storage_(storage) {
    for (auto& [owner, names, shapes, weights, biases, vectors] : rows) {
      const auto* plan = nb::cast<const Plan*>(owner);
      rows_.push_back({std::move(owner), plan, std::move(names), std::move(shapes), std::move(weights),
                       std::move(biases), std::move(vectors), std::make_unique<KeptOfLayer>(hold)});
    }
  }

  Layers(const Layers&) = delete;

  // Run all layers; the GIL is not held meanwhile.
  //
  // parameters: by name. x [T, B, I]; initial: per state [R, B, W], or none: zeros; step_inputs [T, B, W]. lengths [B],
  // falling integers of 32 bits, and reset [T, B], bytes: addresses, or 0.
  //
  // Return the output [T, B, D * W] of D directions, and the final states as a tuple, [R, B, W] each; None, if a tensor
  // is no plain one of the right shape.
  nb::object run(const nb::dict& parameters, nb::handle x, const std::vector<nb::object>& initial,
                 const std::vector<nb::object>& step_inputs, uintptr_t lengths, uintptr_t reset, int threads) {
    const Plan& plan = *rows_.at(0).plan;
    const auto count = (ptrdiff_t)rows_.size();
    Given given{0, 0, 0, lengths, reset, 0, {}, {}, {}, threads};
    Shape shape{-1, -1, plan.input_size};
    if (!read(x, shape, given.x)) return nb::none();
    const ptrdiff_t steps = given.steps = shape[0], batch = given.rows = shape[1];
    if (!read_all(initial, plan.state_widths, count, batch, given.initial)) return nb::none();
    if (!read_all(step_inputs, plan.step_input_widths, steps, batch, given.step_inputs)) return nb::none();
    std::vector<nb::object> held;  // while another thread may take the layer another parameter
    std::vector<Addresses> at(rows_.size());
    for (size_t r = 0; r < rows_.size(); ++r)
      if (!read_parameters(parameters, rows_[r], held, at[r])) return nb::none();
    const auto& maker = nb::cast<const TensorMaker&>(maker_);
    nb::object output = maker.make({steps, batch, directions_ * plan.state_widths[0]}, wide_, directions_ == 1,
                                   given.output);
    const nb::object final = nb::steal(PyTuple_New((Py_ssize_t)plan.state_widths.size()));
    if (!final.is_valid()) nb::raise_python_error();
    for (size_t s = 0; s < plan.state_widths.size(); ++s) {
      nb::object state = maker.make({count, batch, plan.state_widths[s]}, wide_, 0, given.final.emplace_back());
      NB_TUPLE_SET_ITEM(final.ptr(), s, state.release().ptr());
    }
    {
      const nb::gil_scoped_release release;
      wide_ ? run_rows<double>(given, at) : run_rows<float>(given, at);
    }
    return nb::make_tuple(std::move(output), final);
  }

 private:
  bool read(nb::handle tensor, Shape& shape, uintptr_t& at) const {
    return nb::cast<const TensorReader&>(reader_).read(tensor, wide_, shape, at);
  }

  // None, or [n, m, width] for each width.
  bool read_all(const std::vector<nb::object>& tensors, const Ints& widths, ptrdiff_t n, ptrdiff_t m,
                Addresses& at) const {
    if (tensors.size() != widths.size()) return tensors.empty();
    at.resize(tensors.size());
    for (size_t i = 0; i < at.size(); ++i) {
      Shape shape{n, m, widths[i]};
      if (!read(tensors[i], shape, at[i])) return false;
    }
    return true;
  }

  bool read_parameters(const nb::dict& parameters, Row& row, std::vector<nb::object>& held, Addresses& at) const {
    at.resize(row.names.size() + 1);  // the last: of biases that are not there
    if (row.vectors.empty() && (wide_ ? row.kept->f64.weights.held(kernels<double>())
                                      : row.kept->f32.weights.held(kernels<float>())))
      return true;  // nothing looks at them
    for (size_t i = 0; i < row.names.size(); ++i) {
      const nb::object value = nb::borrow(PyDict_GetItemWithError(parameters.ptr(), row.names[i].ptr()));
      if (!value.is_valid()) {
        PyErr_Clear();
        return false;
      }
      if (!read(value, row.shapes[i], at[i])) return false;
      held.push_back(value);
    }
    return true;
  }

  // A single step of small layers in one direction; return whether it was done.
  template <class T> bool step_rows(const Given& given, const std::vector<Addresses>& at) {
    if (given.steps != 1 || directions_ == 2 || given.lengths || given.reset) return false;
    for (const Row& row : rows_)
      if (!SingleStep<T>::suits(*row.plan, given.rows)) return false;
    const auto* x = reinterpret_cast<const T*>(given.x);
    std::vector<Buffer<T>> between;  // layers
    for (size_t number = 0; number < rows_.size(); ++number) {
      Row& row = rows_[number];
      const Plan& plan = *row.plan;
      using Places = std::vector<const T*>;
      const auto chosen = [&](const Ints& places) {
        Places to;
        for (int place : places)
          to.push_back(reinterpret_cast<const T*>(at[number][place < 0 ? row.names.size() : place]));
        return to;
      };
      const auto packed = [&](const Places& blocks, const Places& biases) {
        return std::make_shared<const Packed<T>>(plan, kernels<T>(), blocks.data(), biases.data(), true, false,
                                                 Pool::shared(), 1, (Storage)storage_);
      };
      KeptOf<T>& kept = row.kept->of<T>();
      const auto of_row = [&](uintptr_t states, size_t s) {
        return reinterpret_cast<T*>(states) + (ptrdiff_t)number * given.rows * plan.state_widths[s];
      };
      const bool last = number + 1 == rows_.size();
      if (!last) between.emplace_back(product_of(given.rows, plan.state_widths[0]));
      T* const output = last ? reinterpret_cast<T*>(given.output) : between.back().get();
      auto weights = kept.weights.get(plan, kernels<T>(), chosen(row.weights), chosen(row.biases), Pool::shared(), 1,
                                      packed);
      const auto initial = [&](size_t s) { return given.initial.empty() ? nullptr : of_row(given.initial[s], s); };
      const auto final = [&](size_t s) { return of_row(given.final[s], s); };
      if (!kept.step.run(plan, kernels<T>(), std::move(weights), given.rows, x, initial, output, final)) return false;
      x = output;
    }
    return true;
  }

  template <class T> void run_rows(const Given& given, const std::vector<Addresses>& at) {
    if (step_rows<T>(given, at)) return;
    const ptrdiff_t steps = given.steps, batch = given.rows;
    const auto layers = (ptrdiff_t)rows_.size() / directions_;
    uintptr_t x = given.x;
    Buffer<T> below, joined;  // what the layer below has made, and what this one makes
    std::vector<Buffer<T>> rings;
    for (ptrdiff_t number = 0; number < (ptrdiff_t)rows_.size(); ++number) {
      Row& row = rows_[number];
      const Plan& plan = *row.plan;
      const ptrdiff_t layer = number / directions_, width = plan.state_widths[0];
      const bool second = number % directions_ == 1, last = layer == layers - 1;
      Scan scan;
      scan.wide = wide_;
      scan.reverse = second;
      scan.steps = steps;
      scan.rows = batch;
      scan.threads = given.threads;
      scan.storage = storage_;
      scan.x = x;
      scan.lengths = given.lengths;
      scan.reset = given.reset;
      scan.step_inputs = given.step_inputs;
      const auto choose = [&](const Ints& places, Addresses& to) {
        for (int place : places) to.push_back(at[number][place < 0 ? row.names.size() : place]);
      };
      choose(row.weights, scan.weights);
      choose(row.biases, scan.biases);
      choose(row.vectors, scan.vectors);
      rings.clear();
      for (size_t s = 0; s < plan.state_widths.size(); ++s) {
        const uintptr_t bytes = number * batch * plan.state_widths[s] * sizeof(T);
        scan.initial.push_back(given.initial.empty() ? 0 : given.initial[s] + bytes);
        scan.final.push_back(given.final[s] + bytes);
        const bool in_place = s == 0 && last && directions_ == 1;
        if (!in_place) rings.emplace_back(product_of(s ? 2 : steps + 1, batch, plan.state_widths[s]));
        scan.states.push_back(in_place ? given.output - batch * width * sizeof(T)
                                       : reinterpret_cast<uintptr_t>(rings.back().get()));
        scan.rings.push_back(s > 0);
      }
      if (directions_ == 2) {
        if (!second && !last) joined = Buffer<T>(product_of(steps, batch, 2 * width));
        const uintptr_t to = last ? given.output : reinterpret_cast<uintptr_t>(joined.get());
        scan.output = to + second * width * sizeof(T);
        scan.output_stride = 2 * width * sizeof(T);
      }
      run_forward(plan, scan, row.kept.get());
      if (second == (directions_ == 2) && !last) {
        below = std::move(directions_ == 2 ? joined : rings[0]);
        x = reinterpret_cast<uintptr_t>(below.get() + (directions_ == 2 ? 0 : batch * width));
      }
    }
  }

  nb::object reader_, maker_;
  const bool wide_;
  const int directions_, storage_;
  std::vector<Row> rows_;
};

}  // namespace

void define_layers(nb::module_& m) {
  nb::class_<Layers>(m, "Layers")
      .def(nb::init<nb::typed<nb::object, TensorReader>, nb::typed<nb::object, TensorMaker>, bool, int,
                    std::vector<RowArguments>, bool, int>())
      .def("run", &Layers::run);
}

}  // namespace keepgate
