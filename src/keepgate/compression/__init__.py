"""Lossless compression by an LSTM that trains on the data as it reads them.

    import keepgate

    archive = keepgate.compress(b"any bytes")
    assert keepgate.decompress(archive) == b"any bytes"

For each bit the core's predictor gives the probability of a 1 from the bytes before; an arithmetic coder writes the bit
in about as many bits as the prediction was surprised by. Decompression runs the same predictor over the same bytes,
with the same predictions to the bit on any machine: see native/include/keepgate/learner.h. No torch here.
"""

from keepgate.compression.streams import compress, compress_file, decompress, decompress_file, read_header

__all__ = ["compress", "compress_file", "decompress", "decompress_file", "read_header"]
