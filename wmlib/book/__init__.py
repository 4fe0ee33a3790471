"""What only the book needs: plots, schematics, films, reports, probes."""
