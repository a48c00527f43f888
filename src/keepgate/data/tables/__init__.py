"""Tables and series: files of columns to checked arrays."""
