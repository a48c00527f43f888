// Steppers for Python, of one layer on arrays, and of several on tensors of torch.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <utility>
#include <vector>

#include "buffer.h"
#include "keepgate/stepper.h"
#include "module.h"
#include "pool.h"
#include "sequences.h"
#include "tensors.h"

namespace nb = nanobind;

namespace keepgate {
namespace {

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

// Layers one above the other, a step at a time, on tensors of torch.
template <class T> class StepperStack {
 public:
  // Steppers from the lowest layer to the highest, all of the same rows.
  StepperStack(nb::typed<nb::object, TensorReader> reader, std::vector<nb::object> steppers)
      : reader_(std::move(reader)), held_(std::move(steppers)) {
    for (const nb::object& stepper : held_) steppers_.push_back(nb::cast<Stepper<T>*>(stepper));
    const Stepper<T> &first = *steppers_.at(0), &last = *steppers_.back();
    x_ = {first.rows, first.plan.input_size};
    output_ = {last.rows, last.plan.state_widths[0]};
    for (size_t i = 0; i + 1 < steppers_.size(); ++i)
      between_.emplace_back(product_of(steppers_[i]->rows, steppers_[i]->plan.state_widths[0]));
  }

  StepperStack(const StepperStack&) = delete;

  // Take one step, if x [B, I] and output [B, W] are plain tensors; return whether they are.
  bool step(nb::handle x, nb::handle output) {
    const auto& reader = nb::cast<const TensorReader&>(reader_);
    uintptr_t from, to;
    if (!reader.read(x, wide, x_, from) || !reader.read(output, wide, output_, to)) return false;
    const T* source = reinterpret_cast<const T*>(from);
    for (size_t i = 0; i < between_.size(); ++i) {
      steppers_[i]->step(source, nullptr, between_[i].get());
      source = between_[i].get();
    }
    steppers_.back()->step(source, nullptr, reinterpret_cast<T*>(to));
    return true;
  }

 private:
  static constexpr bool wide = sizeof(T) == sizeof(double);
  nb::object reader_;
  std::vector<nb::object> held_;
  std::vector<Stepper<T>*> steppers_;
  std::vector<Buffer<T>> between_;  // the outputs of all layers but the last
  Shape x_, output_;
};

template <class T> void define(nb::module_& m, const char* name, const char* make_name, const char* stack_name) {
  nb::class_<Stepper<T>>(m, name)
      .def("step", step<T>, nb::arg().noconvert(), nb::arg().noconvert(), nb::arg().noconvert())
      .def("step_at", step_at<T>)
      .def_prop_ro("place", &Stepper<T>::place)
      .def("state", [](Stepper<T>& stepper, int s) {
        const size_t width = stepper.plan.state_widths.at(s);
        return nb::ndarray<nb::numpy, T>(stepper.state(s), {2, (size_t)stepper.rows, width}, nb::find(stepper));
      });
  m.def(make_name, make_stepper<T>, nb::rv_policy::take_ownership, nb::keep_alive<0, 1>());
  nb::class_<StepperStack<T>>(m, stack_name)
      .def(nb::init<nb::typed<nb::object, TensorReader>, std::vector<nb::object>>())
      .def("step", &StepperStack<T>::step, nb::arg().none(), nb::arg().none());
}

}  // namespace

void define_steppers(nb::module_& m) {
  define<float>(m, "StepperSingle", "stepper_single", "StepperStackSingle");
  define<double>(m, "StepperDouble", "stepper_double", "StepperStackDouble");
}

}  // namespace keepgate
