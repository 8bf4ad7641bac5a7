"""What goes on inside a model, from the same forward pass that gives its answers."""
