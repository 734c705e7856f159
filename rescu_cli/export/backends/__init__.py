"""One backend per file; `rescu_cli.export.backend` holds the table."""
