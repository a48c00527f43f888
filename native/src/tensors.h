// Tensors of torch, read and made without torch's headers: to ask Python takes longer than a step.
#pragma once

#include <nanobind/nanobind.h>

#include <cstdint>
#include <vector>

namespace keepgate {

using Shape = std::vector<int64_t>;

class TensorReader {
 public:
  // `exchange`: what torch's tensors have as `__dlpack_c_exchange_api__`, or None where they have none, as before torch
  // 2.10; `single`, `wide`, `strided`: torch.float32, torch.float64 and torch.strided.
  TensorReader(nanobind::object exchange, nanobind::object single, nanobind::object wide, nanobind::object strided);

  // Write where the numbers of a tensor lie to `at`, if it is a plain one: of float32 (`wide`: float64), of `shape`,
  // whose negative sizes are any and are written too, dense, on the CPU, with memory of its own for all its numbers.
  // A negated view has its numbers elsewhere and a zero tensor has none. Return whether it is a plain one; what is
  // none, a tensor or not, leaves no error.
  bool read(nanobind::handle tensor, bool wide, Shape& shape, uintptr_t& at) const;

 private:
  bool describe(nanobind::handle tensor, bool wide, Shape& shape, uintptr_t& at) const;
  bool owns(nanobind::handle tensor, uintptr_t at, uintptr_t bytes) const;

  nanobind::object exchange_, single_, wide_, strided_;
  int (*view_)(void* tensor, nanobind::dlpack::dltensor* to) = nullptr;
};

// Makes tensors of torch, of float32 or float64, on the CPU.
class TensorMaker {
 public:
  // `exchange` as for a reader. Where it is None, `empty(shape, wide, lead)` makes them, and says where their memory
  // begins.
  TensorMaker(nanobind::object exchange, nanobind::object empty);

  // A dense tensor that is not set to anything; where its numbers lie is written to `at`. Its memory begins `lead`
  // places of its first axis before them.
  nanobind::object make(const Shape& shape, bool wide, int lead, uintptr_t& at) const;

 private:
  nanobind::object exchange_, empty_;
  int (*to_object_)(void* managed, void** object) = nullptr;
};

// Define the part about tensors.
void define_tensors(nanobind::module_& m);

}  // namespace keepgate
