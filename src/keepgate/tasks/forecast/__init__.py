"""The values that come next in each series of a panel, with quantiles."""
