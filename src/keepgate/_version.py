"""The version, which the package's metadata read here."""

__version__ = "0.1.0"
