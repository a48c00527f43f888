"""The protocol of maps: the shapes of weights and vectors, the widths that a shape implies, and the fan-in."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from keepgate.errors import InputError, quoted

__all__ = ["MAPS", "Map", "map_from_json"]

LARGEST = 2**31 - 1  # a field

MAPS: dict[str, type[Map]] = {}  # by their names, which are their kinds in JSON


@dataclasses.dataclass(frozen=True)
class Map(ABC):
    """Base of the maps: a frozen dataclass, whose fields are integers from 1 on unless it checks them itself.

    The weights of several gates are stacked along their first axis, and the results along the last: what the stacked
    weights give is what each gate's weights give, one after the other.

    Attributes:
        axes: of the space in which a value lies, [..., *space, W]; 0: it is [..., W].
    """

    axes: ClassVar[int] = 0

    def __init_subclass__(cls) -> None:
        MAPS[cls.__name__.lower()] = cls

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST:
                raise InputError(f"{field.name} of {type(self).__name__} is an integer from 1 on, got {quoted(value)}")

    @abstractmethod
    def weight_shape(self, gates: int, width: int, source_width: int) -> tuple[int, ...]:
        """Return the shape of the stacked weights of some gates.

        Args:
            gates: how many.
            width: units of each gate.
            source_width: units of what is multiplied.

        Raises:
            InputError: the map does not join these widths.
        """

    @abstractmethod
    def widths(self, shape: tuple[int, ...], gates: int) -> tuple[int, int]:
        """Return `width` and `source_width` as the last axes of stacked weights show them."""

    def vector_shape(self, width: int) -> tuple[int, ...]:
        """Return the shape of a vector of a cell."""
        return (width,)

    def check_space(self, space: tuple[int, ...]) -> None:  # noqa: B027 - most maps go with any
        """Refuse values that lie in a space of this size.

        Raises:
            InputError: the map does not go with it.
        """

    @abstractmethod
    def fan_in(self, source_width: int) -> int:
        """Return how many products are added up to one unit of the result."""

    def to_json(self) -> dict[str, Any]:
        """Return the map as plain data; `map_from_json` reads it back."""
        return {"kind": type(self).__name__.lower(), **dataclasses.asdict(self)}


def map_from_json(data: Any) -> Map:
    """Read what `Map.to_json` wrote.

    Args:
        data: plain data, of which nothing is executed.

    Returns:
        The map.

    Raises:
        InputError: there is no such map, or it has other fields.
    """
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if not isinstance(kind, str) or kind not in MAPS:
        raise InputError(f"{quoted(kind)} is no kind of map; there are {', '.join(MAPS)}")
    fields = {name: value for name, value in data.items() if name != "kind"}
    known = [field.name for field in dataclasses.fields(MAPS[kind])]
    if sorted(fields) != sorted(known):
        raise InputError(f"the map {kind} has the fields {known}, got {quoted(sorted(map(str, fields)))}")
    return MAPS[kind](**fields)
