"""Save and load weights and states: safetensors, all else as text in the header. No pickled objects."""
