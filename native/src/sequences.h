// Python's sequences as arguments: std::vector and std::tuple. Casters of nanobind's own must not throw, so where
// memory runs out they end the process; these throw std::bad_alloc, which Python sees as MemoryError.
#pragma once

#include <nanobind/nanobind.h>

#include <tuple>
#include <utility>
#include <vector>

namespace nanobind::detail {

template <class T> struct type_caster<std::vector<T>> {
  NB_TYPE_CASTER(std::vector<T>, const_name("collections.abc.Sequence[") + make_caster<T>::Name + const_name("]"))

  bool from_python(handle from, uint32_t flags, cleanup_list* cleanup) {
    size_t size;
    PyObject* held;
    PyObject** const items = NB_CALL(seq_get)(from.ptr(), &size, &held);
    const object owner = steal(held);
    if (!items) return false;
    value.clear();
    value.reserve(size);
    for (size_t i = 0; i < size; ++i) {
      make_caster<T> caster;
      if (!caster.from_python(items[i], flags_for_local_caster<T>(flags), cleanup) || !caster.template can_cast<T>())
        return false;
      value.push_back(caster.operator cast_t<T>());
    }
    return true;
  }
};

template <class... Ts> struct type_caster<std::tuple<Ts...>> {
  using Value = std::tuple<Ts...>;
  static constexpr auto Name = const_name("tuple[") + concat(make_caster<Ts>::Name...) + const_name("]");
  template <class> using Cast = Value;

  bool from_python(handle from, uint32_t flags, cleanup_list* cleanup) {
    return each(std::index_sequence_for<Ts...>{}, from, flags, cleanup);
  }
  template <class> bool can_cast() const noexcept { return true; }  // every part was asked
  explicit operator Value() { return value(std::index_sequence_for<Ts...>{}); }

 private:
  template <size_t... I>
  bool each(std::index_sequence<I...>, handle from, uint32_t flags, cleanup_list* cleanup) {
    PyObject* held;
    PyObject** const items = NB_CALL(seq_get_with_size)(from.ptr(), sizeof...(Ts), &held);
    owner = steal(held);
    return items && (part<I, Ts>(items[I], flags, cleanup) && ...);
  }
  template <size_t I, class T> bool part(handle from, uint32_t flags, cleanup_list* cleanup) {
    auto& caster = std::get<I>(casters);
    return caster.from_python(from, flags_for_local_caster<T>(flags), cleanup) && caster.template can_cast<T>();
  }
  template <size_t... I> Value value(std::index_sequence<I...>) {
    return Value(std::get<I>(casters).operator cast_t<Ts>()...);
  }

  std::tuple<make_caster<Ts>...> casters;
  object owner;
};

}  // namespace nanobind::detail
