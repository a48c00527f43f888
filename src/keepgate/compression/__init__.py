"""Lossless compression by an LSTM that learns what it compresses, while it does.

    import keepgate

    archive = keepgate.compress(b"any bytes")
    assert keepgate.decompress(archive) == b"any bytes"

Before each bit the predictor of the core says how likely a 1 is, from the bytes before; an arithmetic coder writes the
bit in about as many bits as the prediction was surprised by. Reading back, the same predictor sees the same bytes and
makes the same predictions, to the bit and on any machine: see native/include/keepgate/learner.h. No torch here.
"""

from keepgate.compression.streams import compress, compress_file, decompress, decompress_file

__all__ = ["compress", "compress_file", "decompress", "decompress_file"]
