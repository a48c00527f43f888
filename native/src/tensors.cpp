#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include "tensors.h"

namespace nb = nanobind;

namespace keepgate {
namespace {

// The exchange of pointers of DLPack 1 (https://dmlc.github.io/dlpack/latest/c_api.html).
struct Exchange {
  uint32_t major, minor;
  Exchange* previous;
  void *allocate, *from_object, *to_object;
  int (*view)(void* object, nb::dlpack::dltensor* to);  // lends the shape; may be null
  void* stream;
};
constexpr uint32_t kMajor = 1;
constexpr int32_t kProcessor = 1;  // the kind of device

// Compare sizes with those wanted, or write those that are not.
bool fits(const int64_t* sizes, size_t count, Shape& shape) {
  if (count != shape.size()) return false;
  for (size_t i = 0; i < count; ++i) {
    if (shape[i] < 0) shape[i] = sizes[i];
    if (shape[i] != sizes[i]) return false;
  }
  return true;
}

int64_t numbers(const Shape& shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  return count;
}

bool dense(const int64_t* strides, const Shape& shape) {
  int64_t expected = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

// What a method without arguments returns; null, without an error, where it fails.
nb::object called(nb::handle object, PyObject* name) {
  PyObject* const arguments[] = {object.ptr()};
  constexpr size_t kOne = 1 | PY_VECTORCALL_ARGUMENTS_OFFSET;
  nb::object result = nb::steal(PyObject_VectorcallMethod(name, arguments, kOne, nullptr));
  if (!result.is_valid()) PyErr_Clear();
  return result;
}

PyObject* interned(const char* text) { return PyUnicode_InternFromString(text); }

// A number that a method returns; `failed` where it fails.
uintptr_t number(nb::handle object, PyObject* name, uintptr_t failed) {
  const nb::object result = called(object, name);
  if (!result.is_valid()) return failed;
  const size_t value = PyLong_AsSize_t(result.ptr());
  if (value != (size_t)-1 || !PyErr_Occurred()) return value;
  PyErr_Clear();
  return failed;
}

}  // namespace

TensorReader::TensorReader(nb::object exchange, nb::object single, nb::object wide, nb::object strided)
    : exchange_(std::move(exchange)), single_(std::move(single)), wide_(std::move(wide)), strided_(std::move(strided)) {
  if (exchange_.is_none()) return;
  const auto* found = static_cast<const Exchange*>(PyCapsule_GetPointer(exchange_.ptr(), "dlpack_exchange_api"));
  if (!found) nb::raise_python_error();
  while (found && found->major != kMajor) found = found->previous;
  if (found) view_ = found->view;
}

bool TensorReader::read(nb::handle tensor, bool wide, Shape& shape, uintptr_t& at, bool fresh) const {
  if (view_) {
    nb::dlpack::dltensor view;
    if (view_(tensor.ptr(), &view)) {
      PyErr_Clear();
      return false;
    }
    const uint8_t bits = wide ? 64 : 32;
    if (view.device.device_type != kProcessor || view.dtype.code != (uint8_t)nb::dlpack::dtype_code::Float ||
        view.dtype.bits != bits || view.dtype.lanes != 1 || !fits(view.shape, view.ndim, shape))
      return false;
    if (numbers(shape) && !dense(view.strides, shape)) return false;
    at = reinterpret_cast<uintptr_t>(view.data) + view.byte_offset;
  } else {
    try {
      if (!describe(tensor, wide, shape, at)) return false;
    } catch (const nb::python_error&) {
      return false;
    } catch (const std::bad_cast&) {
      return false;
    }
  }
  if (fresh) return true;
  const uintptr_t bytes = numbers(shape) * (wide ? sizeof(double) : sizeof(float));
  return !bytes || owns(tensor, at, bytes);
}

// As `read`, by asking Python.
bool TensorReader::describe(nb::handle tensor, bool wide, Shape& shape, uintptr_t& at) const {
  if (!tensor.attr("dtype").is(wide ? wide_ : single_) || !tensor.attr("layout").is(strided_)) return false;
  if (!nb::cast<bool>(tensor.attr("is_cpu")) || !nb::cast<bool>(tensor.attr("is_contiguous")())) return false;
  Shape sizes;
  for (nb::handle size : tensor.attr("shape")) sizes.push_back(nb::cast<int64_t>(size));
  at = nb::cast<uintptr_t>(tensor.attr("data_ptr")());
  return fits(sizes.data(), sizes.size(), shape);
}

bool TensorReader::owns(nb::handle tensor, uintptr_t at, uintptr_t bytes) const {
  static PyObject *const is_neg = interned("is_neg"), *const untyped_storage = interned("untyped_storage"),
                         *const nbytes = interned("nbytes"), *const data_ptr = interned("data_ptr");
  if (called(tensor, is_neg).ptr() != Py_False) return false;
  const nb::object storage = called(tensor, untyped_storage);
  if (!storage.is_valid()) return false;
  const uintptr_t first = number(storage, data_ptr, 0), held = number(storage, nbytes, 0);
  return first && at >= first && at - first <= held && bytes <= held - (at - first);
}

void define_tensors(nb::module_& m) {
  nb::class_<TensorReader>(m, "TensorReader")
      .def(nb::init<nb::object, nb::object, nb::object, nb::object>(), nb::arg().none(), nb::arg(), nb::arg(),
           nb::arg());
}

}  // namespace keepgate
