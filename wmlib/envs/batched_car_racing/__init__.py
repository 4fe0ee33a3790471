"""CarRacing for many cars at once: track, physics and drawing as compiled code.

The same game as Gymnasium's CarRacing-v3, one source for CPU threads, CUDA and WebAssembly (the
book's pages). Training uses it; published scores come from Gymnasium's own game.
"""
