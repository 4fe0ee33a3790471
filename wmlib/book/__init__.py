"""What only the book needs; nothing in the library imports it."""
