"""What the affine maps of a cell multiply with: `affine` says that there is a product, a map says which.

A map here is data: the shape of its weights and what follows from it. How it is computed is a row in the table of each
engine: `PRODUCTS` of `keepgate.scan.reference` (torch), of `keepgate.testing.interpreter` (NumPy) and of
`keepgate.export.steps` (ONNX), and for the native core `check_map` of `keepgate.native.plan`. An engine that has no row
for a map refuses it.

Equations come with `Dense`; `dataclasses.replace` gives them another map:

>>> from dataclasses import replace
>>> from keepgate.cells import get
>>> from keepgate.maps import Convolution
>>> equations = replace(get("lstm").equations, map=Convolution(kernel_size=7))
>>> [parameter.shape for parameter in equations.parameters(3, 5)]
[(20, 3, 7, 7), (20, 5, 7, 7), (20,), (20,)]
"""

from keepgate.maps.convolution import Convolution
from keepgate.maps.dense import DENSE, Dense
from keepgate.maps.map import MAPS, Map, map_from_json

__all__ = ["DENSE", "MAPS", "Convolution", "Dense", "Map", "map_from_json"]
