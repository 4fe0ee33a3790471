"""Live widgets: one source for the book's pages, JupyterLab and Colab (see README.md here)."""
