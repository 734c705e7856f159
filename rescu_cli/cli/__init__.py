"""The command line: parse, call the API, render. The only importer of typer and rich."""
