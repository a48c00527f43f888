#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <iterator>
#include <memory>

#include "buffer.h"
#include "tensors.h"

namespace nb = nanobind;

namespace keepgate {
namespace {

// The exchange of pointers of DLPack 1 (https://dmlc.github.io/dlpack/latest/c_api.html).
struct Exchange {
  uint32_t major, minor;
  Exchange* previous;
  void *allocate, *from_object;
  int (*to_object)(void* managed, void** object);       // takes what it is given, a `Managed`
  int (*view)(void* object, nb::dlpack::dltensor* to);  // lends the shape; may be null
  void* stream;
};
struct Managed {
  uint32_t major, minor;
  void* context;
  void (*free)(Managed*);
  uint64_t flags;
  nb::dlpack::dltensor tensor;
};
constexpr uint32_t kMajor = 1;
constexpr int32_t kProcessor = 1;  // the kind of device

// The exchange of an object of torch, of the version that is read here; null where there is none.
const Exchange* exchange_of(nb::handle capsule) {
  if (capsule.is_none()) return nullptr;
  const auto* found = static_cast<const Exchange*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  if (!found) nb::raise_python_error();
  while (found && found->major != kMajor) found = found->previous;
  return found;
}

// A tensor that was made here, with its memory.
struct Made {
  static constexpr size_t kMost = 3;  // axes
  Managed managed;
  int64_t sizes[kMost], strides[kMost];
  Buffer<char> memory;
};

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
  if (const Exchange* found = exchange_of(exchange_)) view_ = found->view;
}

bool TensorReader::read(nb::handle tensor, bool wide, Shape& shape, uintptr_t& at) const {
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

TensorMaker::TensorMaker(nb::object exchange, nb::object empty)
    : exchange_(std::move(exchange)), empty_(std::move(empty)) {
  if (const Exchange* found = exchange_of(exchange_)) to_object_ = found->to_object;
}

nb::object TensorMaker::make(const Shape& shape, bool wide, int lead, uintptr_t& at) const {
  const size_t bytes = wide ? sizeof(double) : sizeof(float);
  size_t apart = bytes;  // of the places of the first axis
  for (size_t i = 1; i < shape.size(); ++i) apart = product_of(apart, shape[i]);
  if (!to_object_) {
    nb::list sizes;
    for (int64_t size : shape) sizes.append(size);
    const nb::object made = empty_(sizes, wide, lead);
    at = nb::cast<uintptr_t>(made[1]) + lead * apart;
    return made[0];
  }
  auto made = std::make_unique<Made>();
  made->memory = Buffer<char>(product_of(shape[0] + lead, apart));
  at = reinterpret_cast<uintptr_t>(made->memory.get()) + lead * apart;
  std::copy(shape.begin(), shape.end(), made->sizes);
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0; stride *= std::max<int64_t>(shape[i], 1)) made->strides[i] = stride;
  const nb::dlpack::dtype type{(uint8_t)nb::dlpack::dtype_code::Float, (uint8_t)(8 * bytes), 1};
  made->managed = {kMajor, 0, made.get(), [](Managed* self) { delete static_cast<Made*>(self->context); }, 0,
                   {reinterpret_cast<void*>(at), {kProcessor, 0}, (int32_t)shape.size(), type, made->sizes,
                    made->strides, 0}};
  void* object = nullptr;
  if (to_object_(&made.release()->managed, &object)) nb::raise_python_error();
  return nb::steal(static_cast<PyObject*>(object));
}

void define_tensors(nb::module_& m) {
  nb::class_<TensorMaker>(m, "TensorMaker").def(nb::init<nb::object, nb::object>(), nb::arg().none(), nb::arg());
  nb::class_<TensorReader>(m, "TensorReader")
      .def(nb::init<nb::object, nb::object, nb::object, nb::object>(), nb::arg().none(), nb::arg(), nb::arg(),
           nb::arg());
}

}  // namespace keepgate
