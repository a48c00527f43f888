"""report.html: sections of text, tables and figures in one file."""
