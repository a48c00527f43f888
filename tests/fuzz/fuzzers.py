"""The fuzzers: modules of this folder, and the seconds that each gets in the tests."""

FUZZERS: dict[str, float] = {
    "layers": 25.0,
    "cells": 25.0,
    "models": 25.0,
    "archives": 25.0,
    "data": 25.0,
}
