"""What the commands do. Each wires the parts and returns records."""
